package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

const (
	patience = 10 * time.Second
	period   = 20 * time.Millisecond
)

// shell is a Spec that runs a script; $1 is a file that does not exist yet.
func shell(t *testing.T, script string) (spec process.Spec, file string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "file")
	return process.Spec{
		Name:    "script",
		Path:    "sh",
		Args:    []string{"-c", script, "sh", file},
		LogFile: filepath.Join(dir, "script.log"),
	}, file
}

// exists is a Ready function that wants a file.
func exists(file string) func(context.Context) error {
	return func(context.Context) error {
		_, err := os.Stat(file)
		return err
	}
}

func isGone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestStartAwaitsReady(t *testing.T) {
	t.Parallel()
	spec, file := shell(t, `echo "$WORD from $(pwd)"; touch "$1"; exec sleep 600`)
	spec.Ready = exists(file)
	spec.Env = []string{"WORD=hello"}
	spec.Dir = t.TempDir()
	p, err := process.Start(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Stop()) })

	assert.FileExists(t, file)
	assert.Equal(t, "hello from "+spec.Dir+"\n", p.LogTail())
	assert.Equal(t, "script", p.Name())
	assert.False(t, isGone(p.PID()))

	require.NoError(t, p.Stop())
	assert.True(t, isGone(p.PID()))
	assert.NoError(t, p.Stop(), "a second Stop")
	assert.Error(t, p.Signal(os.Interrupt), "a signal to an ended process")
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		script  string
		path    string
		timeout time.Duration
		want    []string
	}{
		"program ends first":       {script: "echo bad flag >&2; exit 3", want: []string{"ended before it was ready", "exit status 3", "bad flag"}},
		"program ends well":        {script: "exit 0", want: []string{"exit status 0"}},
		"program is never ready":   {script: "echo waiting; exec sleep 600", timeout: 500 * time.Millisecond, want: []string{"deadline exceeded", "no such file", "waiting"}},
		"executable doesn't exist": {path: "no-such-program", want: []string{"start script", "not found"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, file := shell(t, `echo $$ > "$1.pid"; `+test.script)
			spec.Ready = exists(file)
			spec.ReadyTimeout = test.timeout
			if test.path != "" {
				spec.Path = test.path
			}
			_, err := process.Start(t.Context(), spec)
			require.Error(t, err)
			for _, part := range test.want {
				assert.ErrorContains(t, err, part)
			}
			if test.path == "" {
				assert.True(t, isGone(readPID(t, file+".pid")), "the program still runs")
			}
		})
	}
}

func TestStartStopsWithContext(t *testing.T) {
	t.Parallel()
	spec, file := shell(t, "exec sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	spec.Ready = func(context.Context) error {
		if calls++; calls == 2 {
			cancel()
		}
		return exists(file)(ctx)
	}
	_, err := process.Start(ctx, spec)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestStopKillsTheStubborn(t *testing.T) {
	t.Parallel()
	spec, file := shell(t, `trap "" TERM; touch "$1"; while :; do sleep 0.1; done`)
	spec.Ready = exists(file)
	spec.StopTimeout = 200 * time.Millisecond
	p, err := process.Start(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, p.Stop())
	assert.True(t, isGone(p.PID()))
}

func TestKillAndExited(t *testing.T) {
	t.Parallel()
	spec, _ := shell(t, "exec sleep 600")
	p, err := process.Start(t.Context(), spec)
	require.NoError(t, err)
	select {
	case <-p.Exited():
		assert.Fail(t, "ended at once", p.LogTail())
	default:
	}
	require.NoError(t, p.Kill())
	<-p.Exited()
	assert.NoError(t, p.Stop(), "Stop after the end")
	assert.NoError(t, p.Kill(), "Kill after the end")
}

func TestLogTailIsShortAndWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	var text strings.Builder
	for i := range 2000 {
		_, _ = fmt.Fprintf(&text, "line %d\n", i)
	}
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	tail := process.LogTail(path)
	assert.LessOrEqual(t, len(tail), 4096)
	assert.Greater(t, len(tail), 4000)
	assert.True(t, strings.HasPrefix(tail, "line "), "begins with a whole line")
	assert.True(t, strings.HasSuffix(tail, "line 1999\n"))
	assert.Contains(t, process.LogTail(path+".none"), "no log")
}

// TestChildDiesWithItsParent runs this test binary again, as a parent that is
// killed without a chance to stop its child.
func TestChildDiesWithItsParent(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	require.NoError(t, err)
	parent := exec.CommandContext(t.Context(), executable, "-test.run=^TestParent$")
	parent.Env = append(os.Environ(), parentVariable+"="+t.TempDir())
	output, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	t.Cleanup(func() { _ = parent.Process.Kill() })

	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.False(t, isGone(child))

	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	assert.Eventually(t, func() bool { return isGone(child) }, patience, period, "the child outlived its parent")
}

const parentVariable = "E2E_PROCESS_PARENT_DIR"

// TestParent is the parent in TestChildDiesWithItsParent; alone it checks that
// the child it would start can be started.
func TestParent(t *testing.T) {
	dir := os.Getenv(parentVariable)
	alone := dir == ""
	if alone {
		dir = t.TempDir()
	}
	p, err := process.Start(t.Context(), process.Spec{
		Name: "sleep", Path: "sleep", Args: []string{"600"}, LogFile: filepath.Join(dir, "sleep.log"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Stop()) })
	if alone {
		assert.False(t, isGone(p.PID()))
		return
	}
	_, err = fmt.Fprintln(os.Stdout, p.PID())
	require.NoError(t, err)
	<-p.Exited()
}

func readPID(t *testing.T, file string) int {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	require.NoError(t, err)
	return pid
}
