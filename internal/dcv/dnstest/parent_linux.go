package dnstest

import "syscall"

// dieWithParent makes named end with this process, also if it panics.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
