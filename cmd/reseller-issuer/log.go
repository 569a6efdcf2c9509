package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
)

// newLogger writes JSON or text. Level debug shows what controllers decide at each step.
func newLogger(w io.Writer, level, format string) (logr.Logger, error) {
	var options slog.HandlerOptions
	var parsed slog.Level
	if err := parsed.UnmarshalText([]byte(level)); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level: %q: want error, warn, info or debug", level)
	}
	options.Level, options.ReplaceAttr = parsed, plainLevel
	switch format {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(w, &options)), nil
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(w, &options)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log-format: %q: want json or text", format)
}

// plainLevel has one word for all that is below info: libraries have levels of their own there,
// which slog calls DEBUG+2.
func plainLevel(_ []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && level < slog.LevelInfo {
		a.Value = slog.StringValue(slog.LevelDebug.String())
	}
	return a
}
