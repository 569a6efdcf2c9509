// Package process runs programs beside a test or a demo: each logs to a file,
// is awaited until it is ready, and is stopped by its pid. None outlives the
// process that started it, however that one ends (on Linux).
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	defaultReadyTimeout = 30 * time.Second
	defaultStopTimeout  = 10 * time.Second
	readyPeriod         = 50 * time.Millisecond
	tailBytes           = 4 << 10
)

// Spec says what to run.
type Spec struct {
	// Name is what errors call the process. It is also its argv[0], by which a
	// multi-call executable knows which program it is.
	Name string
	// Path is the executable, looked up in PATH when it has no slash.
	Path string
	// Args are the arguments after argv[0].
	Args []string
	// Env is added to this process's own environment.
	Env []string
	// Dir is the working directory; empty means this process's own.
	Dir string
	// LogFile receives standard output and standard error, appended.
	LogFile string
	// Ready returns nil once the process can be used. It is called every 50 ms;
	// nil means ready at once.
	Ready func(context.Context) error
	// ReadyTimeout limits the wait for Ready; zero means 30 s.
	ReadyTimeout time.Duration
	// StopTimeout is the time between SIGTERM and SIGKILL; zero means 10 s.
	StopTimeout time.Duration
}

// Process is a running, or ended, program.
type Process struct {
	spec   Spec
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // result of Wait, valid after exited is closed
	stop   sync.Once
}

// Start runs the program and waits until it is ready. It fails, with the end of
// the log in the error, when the program ends first, when the time is up or
// when ctx is done; the program is then stopped. After Start has returned, the
// end of ctx does not touch the program: call Stop.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	p := &Process{spec: spec, exited: make(chan struct{})}
	if err := p.launch(); err != nil {
		return nil, fmt.Errorf("process: start %s: %w", spec.Name, err)
	}
	if err := p.awaitReady(ctx); err != nil {
		stopErr := p.Stop()
		return nil, errors.Join(fmt.Errorf("process: start %s: %w; end of %s:\n%s", spec.Name, err, spec.LogFile, p.LogTail()), stopErr)
	}
	return p, nil
}

// launch forks on a thread of its own that lives until the child has ended:
// Linux sends the parent-death signal when the forking thread ends, and Go ends
// idle threads as it likes.
func (p *Process) launch() error {
	path, err := exec.LookPath(p.spec.Path)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.spec.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// Not exec.CommandContext: its kill would race with Stop's SIGTERM.
	p.cmd = &exec.Cmd{
		Path:        path,
		Args:        append([]string{p.spec.Name}, p.spec.Args...),
		Env:         append(os.Environ(), p.spec.Env...),
		Dir:         p.spec.Dir,
		Stdout:      log,
		Stderr:      log,
		SysProcAttr: childAttributes(),
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := p.cmd.Start(); err != nil {
			started <- errors.Join(err, log.Close())
			return
		}
		started <- nil
		p.err = errors.Join(p.cmd.Wait(), log.Close())
		close(p.exited)
	}()
	return <-started
}

func (p *Process) awaitReady(ctx context.Context) error {
	if p.spec.Ready == nil {
		return nil
	}
	timeout := p.spec.ReadyTimeout
	if timeout == 0 {
		timeout = defaultReadyTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(readyPeriod)
	defer ticker.Stop()
	for {
		err := p.spec.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("ended before it was ready: %w", p.endError())
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w (last answer: %w)", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

func (p *Process) endError() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// Name returns the name in the Spec.
func (p *Process) Name() string { return p.spec.Name }

// Spec returns what Start was called with, to start it again.
func (p *Process) Spec() Spec { return p.spec }

// PID returns the process id, also after the end.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// LogFile returns the path of the log.
func (p *Process) LogFile() string { return p.spec.LogFile }

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends a signal to the program; an ended program is an error.
func (p *Process) Signal(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("process: signal %s: %w", p.spec.Name, err)
	}
	return nil
}

// Stop ends the program with SIGTERM, and with SIGKILL when it takes longer than
// StopTimeout, and returns when it is gone. Calling it again, or after the
// program has ended by itself, does nothing.
func (p *Process) Stop() error {
	var err error
	p.stop.Do(func() { err = p.terminate() })
	<-p.exited
	return err
}

// Kill ends the program with SIGKILL, as a crash would, and returns when it is gone.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("process: kill %s: %w", p.spec.Name, err)
	}
	<-p.exited
	return nil
}

func (p *Process) terminate() error {
	timeout := p.spec.StopTimeout
	if timeout == 0 {
		timeout = defaultStopTimeout
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(fmt.Errorf("process: stop %s: %w", p.spec.Name, err), p.Kill())
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
		return p.Kill()
	}
}

// LogTail is LogTail of the program's log.
func (p *Process) LogTail() string { return LogTail(p.spec.LogFile) }

// LogTail returns the end of a log file, at most 4 KiB, beginning with a whole
// line. Why it can't be read is said in the text.
func LogTail(path string) string {
	text, err := tail(path, tailBytes)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return text
}

func tail(path string, limit int64) (string, error) {
	file, err := os.Open(path) //nolint:gosec // the caller's own log file
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	skip := max(info.Size()-limit, 0)
	content, err := io.ReadAll(io.NewSectionReader(file, skip, limit))
	if err != nil {
		return "", err
	}
	return wholeLines(string(content), skip > 0), nil
}

// wholeLines drops the first, cut line of text.
func wholeLines(text string, cut bool) string {
	if !cut {
		return text
	}
	if _, rest, found := strings.Cut(text, "\n"); found {
		return rest
	}
	return text
}
