//go:build unix && !linux

package process

import "syscall"

// childAttributes keep a terminal's Ctrl-C away from the children, which are
// stopped in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
