package process

import "syscall"

// childAttributes keep a terminal's Ctrl-C away from the children, which are
// stopped in order, and kill them when this process dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
