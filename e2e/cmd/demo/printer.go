package main

import (
	"fmt"
	"io"
)

// printer keeps the first error of writing, so that not every line has to look.
type printer struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (p *printer) Write(text []byte) (int, error) {
	n, err := p.w.Write(text)
	if p.err == nil {
		p.err = err
	}
	return n, err
}

func (p *printer) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(p, format, args...) // kept by Write
}

func (p *printer) title(text string) { p.printf("\n%s\n\n", text) }
