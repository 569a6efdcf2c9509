package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// account is one entry of the configuration file: zones at one DNS service.
type account struct {
	// Zones are the names of the zones.
	Zones []string `json:"zones"`
	// Provider is the name of a libdns provider.
	Provider string `json:"provider"`
	// Settings are those of the provider that are no credentials, by the names that its
	// library gives them in JSON.
	Settings map[string]any `json:"settings,omitempty"`
	// SecretFiles are settings whose values are in files.
	SecretFiles map[string]string `json:"secretFiles,omitempty"`
	// SecretEnv are settings whose values are in environment variables.
	SecretEnv map[string]string `json:"secretEnv,omitempty"`
}

// file is the configuration file.
type file struct {
	Accounts []account `json:"accounts"`
}

// load reads the configuration and makes the zones. Errors name the entry and never show a
// credential.
func load(path string) (router, []dcv.Secret, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return router{}, nil, fmt.Errorf("configuration: %w", err)
	}
	var f file
	if err := yaml.UnmarshalStrict(text, &f); err != nil {
		return router{}, nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	if len(f.Accounts) == 0 {
		return router{}, nil, fmt.Errorf("configuration %s: accounts: want at least one", path)
	}
	var all router
	var secrets []dcv.Secret
	for i, a := range f.Accounts {
		zones, hidden, err := a.open()
		if err != nil {
			return router{}, nil, fmt.Errorf("configuration %s: accounts[%d]: %w", path, i, err)
		}
		for _, z := range zones {
			if slices.ContainsFunc(all.zones, func(other *zone) bool { return other.name == z.name }) {
				return router{}, nil, fmt.Errorf("configuration %s: accounts[%d].zones: %s is there twice", path, i, z.name)
			}
		}
		all.zones, secrets = append(all.zones, zones...), append(secrets, hidden...)
	}
	return all, secrets, nil
}

// open makes the provider and its zones.
func (a account) open() ([]*zone, []dcv.Secret, error) {
	k, ok := kinds[a.Provider]
	if !ok {
		return nil, nil, fmt.Errorf("provider %q: want one of %s", a.Provider, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	if len(a.Zones) == 0 {
		return nil, nil, errors.New("zones: want at least one")
	}
	settings, secrets, err := a.collect(k)
	if err != nil {
		return nil, nil, err
	}
	provider := k.new()
	if err := fill(provider, settings); err != nil {
		return nil, nil, fmt.Errorf("settings of %s: %s", a.Provider, dcv.ForeignText(err.Error(), secrets...))
	}
	zones := make([]*zone, len(a.Zones))
	for i, name := range a.Zones {
		fqdn, err := dcv.FQDN(name)
		if err != nil {
			return nil, nil, fmt.Errorf("zones[%d]: %w", i, err)
		}
		zones[i] = &zone{name: fqdn, backend: provider, kind: k, patience: patience}
	}
	return zones, secrets, nil
}

// collect reads the settings from where they are.
func (a account) collect(k kind) (map[string]any, []dcv.Secret, error) {
	settings := maps.Clone(a.Settings)
	if settings == nil {
		settings = map[string]any{}
	}
	for _, name := range k.secret {
		if _, ok := settings[name]; ok {
			return nil, nil, fmt.Errorf("settings.%s is a credential: use secretFiles or secretEnv", name)
		}
	}
	var secrets []dcv.Secret
	set := func(name, value string) {
		settings[name] = strings.TrimSpace(value)
		secrets = append(secrets, dcv.NewSecret(strings.TrimSpace(value)))
	}
	for name, path := range a.SecretFiles {
		value, err := os.ReadFile(path) //nolint:gosec // the operator names it
		if err != nil {
			return nil, nil, fmt.Errorf("secretFiles.%s: %w", name, err)
		}
		set(name, string(value))
	}
	for name, variable := range a.SecretEnv {
		set(name, os.Getenv(variable))
	}
	for _, name := range k.required {
		if value, ok := settings[name]; !ok || value == "" {
			return nil, nil, fmt.Errorf("%s: the setting %q is missing or empty", a.Provider, name)
		}
	}
	return settings, secrets, nil
}

// fill sets the fields of a provider by their names in JSON and refuses unknown ones.
func fill(provider backend, settings map[string]any) error {
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(provider)
}
