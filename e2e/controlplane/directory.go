package controlplane

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const dirPrefix = "reseller-issuer-e2e-"

// makeDir makes the working directory.
func (c *ControlPlane) makeDir() error {
	if c.options.Dir == "" {
		dir, err := ownedDir(os.TempDir(), dirPrefix)
		c.dir = dir
		return err
	}
	dir, err := filepath.Abs(c.options.Dir)
	if err != nil {
		return err
	}
	c.dir = dir
	return os.MkdirAll(dir, 0o700)
}

// ownedDir makes a temporary directory in parent. Its name begins with prefix
// and has this process's pid, by which the directories of processes that died
// without removing theirs are found, and removed first.
func ownedDir(parent, prefix string) (string, error) {
	dirs, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range dirs {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		pid, err := strconv.Atoi(owner)
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(parent, prefix+strconv.Itoa(os.Getpid())+"-")
}
