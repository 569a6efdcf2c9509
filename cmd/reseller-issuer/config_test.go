package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "own")
	c, err := parse(nil, io.Discard)
	require.NoError(t, err)
	want := defaults()
	want.clusterResourceNamespace, want.leaseNamespace, want.namespace = "own", "own", "own"
	assert.Equal(t, want, c)

	c, err = parse([]string{
		"--cluster-resource-namespace=secrets", "--namespaces=a,b", "--allowed-endpoints=*",
		"--kube-api-qps=50", "--concurrency=2", "--poll-interval=1m", "--dns-authoritative-port=5353",
	}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, "secrets", c.clusterResourceNamespace)
	assert.Equal(t, []string{"a", "b", "secrets"}, c.namespaces, "the cluster resource namespace is always worked in")
	assert.Equal(t, "own", c.leaseNamespace)
	assert.Equal(t, "own", c.namespace)
	assert.InDelta(t, 50, c.qps, 0)
	assert.Equal(t, 2, c.concurrency)
	assert.Equal(t, time.Minute, c.pollInterval)
	assert.EqualValues(t, 5353, c.authoritativePort)
}

func TestParseRefuses(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "own")
	cases := map[string]string{
		"--what":              "unknown flag",
		"word":                `unexpected argument "word"`,
		"--secret-watch=Some": "--secret-watch",
		"--cluster-id=" + strings.Repeat("a", 129): "--cluster-id",
		"--kube-api-qps=0":                         "--kube-api-qps",
		"--kube-api-burst=0":                       "--kube-api-burst",
		"--concurrency=0":                          "--concurrency",
		"--leader-election-renew-deadline=1h":      "--leader-election-lease-duration",
		"--leader-election-retry-period=0":         "--leader-election-lease-duration",
		"--recheck-interval=1ms":                   "--recheck-interval",
		"--overdue-after=0":                        "--overdue-after",
		"--poll-interval=-1s":                      "--poll-interval",
		"--allowed-endpoints=example.com":          "--allowed-endpoints",
		"--allowed-hook-urls=hook.example.com":     "--allowed-hook-urls",
		"--dns-recursive-nameservers=a:b:c":        "--dns-recursive-nameservers",
		"--dns-authoritative-servers=a:x":          "--dns-authoritative-servers",
		"--dns-authoritative-port=0":               "--dns-authoritative-port",
		"--allow-solver=team":                      "--allow-solver",
		"--allow-solver=team/manual":               "--allow-solver",
		"--allow-solver=a b/httpFile":              "--allow-solver",
		"--http-file-bind-address=8089":            "--http-file-bind-address",
		"--http-file-service=files":                "--http-file-service",
		"--http-file-service=files:0":              "--http-file-service",
		"--http-file-service=other/files:80":       "--http-file-service",
		"--http-file-port=0":                       "--http-file-port",
		"--metrics-client-ca=ca.crt":               "--metrics-cert-dir",
		"--tracing-endpoint=collector:4318":        "--tracing-endpoint: want a URL",
		"--log-level=loud":                         "--log-level",
		"--log-format=xml":                         "--log-format",
	}
	for arg, text := range cases {
		t.Run(arg[:min(len(arg), 30)], func(t *testing.T) {
			_, err := parse([]string{arg}, io.Discard)
			require.ErrorContains(t, err, text)
		})
	}
}

func TestParseOutsideACluster(t *testing.T) {
	t.Parallel()
	c := defaults()
	require.ErrorContains(t, c.complete(""), "--cluster-resource-namespace")
	c.clusterResourceNamespace = "secrets"
	require.ErrorContains(t, c.complete(""), "--leader-election-namespace")
	c.leaderElect = false
	require.NoError(t, c.complete(""))
}

func TestRunShowsVersionAndHelp(t *testing.T) {
	t.Parallel()
	var out, problems bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--version"}, &out, &problems))
	assert.Equal(t, "reseller-issuer unknown\n", out.String())
	require.NoError(t, run(t.Context(), []string{"--help"}, &out, &problems))
	assert.Contains(t, problems.String(), "--allowed-endpoints")
	require.Error(t, run(t.Context(), []string{"--nothing"}, &out, &problems))
}

// Every flag says what it is for.
func TestFlagsAreDescribed(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.flags().VisitAll(func(f *pflag.Flag) {
		assert.NotEmpty(t, f.Usage, f.Name)
		assert.NotContains(t, f.Usage, "`", f.Name)
	})
}

func TestLogger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, err := newLogger(&out, "info", "text")
	require.NoError(t, err)
	logger.V(1).Info("hidden")
	logger.Info("shown")
	assert.Contains(t, out.String(), "shown")
	assert.NotContains(t, out.String(), "hidden")
	logger, err = newLogger(&out, "debug", "json")
	require.NoError(t, err)
	logger.V(1).Info("detail")
	logger.V(3).Info("more of it")
	assert.Contains(t, out.String(), `"level":"DEBUG","msg":"detail"`)
	assert.Contains(t, out.String(), `"level":"DEBUG","msg":"more of it"`)
}
