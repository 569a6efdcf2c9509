package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// modulePath is the Go module that this package belongs to.
const modulePath = "github.com/reseller-issuer/reseller-issuer/e2e"

// ModuleDir finds the directory of the e2e module from the working directory: upwards, or in a
// directory called e2e on the way. Builds with -trimpath know no source paths.
func ModuleDir() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("controlplane: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		for _, candidate := range []string{dir, filepath.Join(dir, "e2e")} {
			found, err := isModule(candidate)
			if err != nil {
				return "", fmt.Errorf("controlplane: %w", err)
			}
			if found {
				return candidate, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("controlplane: module %s not found in or above %s", modulePath, start)
		}
	}
}

func isModule(dir string) (bool, error) {
	content, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // a go.mod
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(first) == "module "+modulePath, nil
}
