//go:build !linux

package dnstest

import "syscall"

// dieWithParent does nothing: only Linux can tie a process to its parent.
func dieWithParent() *syscall.SysProcAttr { return nil }
