package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

var errNotConfirmed = errors.New("not confirmed, nothing was done")

// confirm says what is about to happen and waits for a "yes".
func (a *app) confirm(format string, args ...any) error {
	if a.yes {
		return nil
	}
	if _, err := fmt.Fprintf(a.errOut, format+"\nType yes to go on: ", args...); err != nil {
		return err
	}
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return nil
	}
	if err != nil {
		return coded{exitUnconfirmed, fmt.Errorf("%w; --yes confirms without asking", errNotConfirmed)}
	}
	return coded{exitUnconfirmed, errNotConfirmed}
}
