package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	yamlv3 "go.yaml.in/yaml/v3"
)

// load reads the configuration for one command; flags holds what was given on its
// command line by configuration key.
func (a *app) load(flags map[string]any) (Config, error) {
	defaults := koanf.New(".")
	if err := defaults.Load(structs.Provider(defaultConfig(), "koanf"), nil); err != nil {
		return Config{}, fmt.Errorf("load the default configuration: %w", err)
	}
	known, k := defaults.Keys(), defaults.Copy()
	name := a.configFile
	if name == "" {
		name = a.env("GATEHOUSE_CONFIG")
	}
	if err := loadFile(k, name, known); err != nil {
		return Config{}, err
	}
	given := map[string]any{}
	for _, key := range known {
		if v := a.env(environmentName(key)); v != "" {
			given[key] = v
		}
	}
	for key, v := range flags {
		given[key] = v
	}
	if a.dataDir != "" {
		given["data"] = a.dataDir
	}
	if err := readLists(defaults, given); err != nil {
		return Config{}, err
	}
	if err := k.Load(confmap.Provider(given, "."), nil); err != nil {
		return Config{}, fmt.Errorf("load the configuration: %w", err)
	}
	var cfg Config
	if err := k.UnmarshalWithConf("", &cfg, koanf.UnmarshalConf{DecoderConfig: strict}); err != nil {
		return Config{}, decodingError(err)
	}
	return cfg, cfg.validate()
}

func environmentName(key string) string {
	return "GATEHOUSE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func loadFile(k *koanf.Koanf, name string, known []string) error {
	if name == "" {
		return nil
	}
	inFile := koanf.New(".")
	if err := inFile.Load(file.Provider(name), yaml.Parser()); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("configuration file %s does not exist: name another one with --config or GATEHOUSE_CONFIG", name)
		}
		return fmt.Errorf("configuration file %s: %w", name, err)
	}
	var errs []error
	for _, key := range inFile.Keys() {
		if !slices.Contains(known, key) {
			errs = append(errs, fmt.Errorf("configuration file %s: unknown key %q%s", name, key, nearest(key, known)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// By their full names, so that `ingress.headers: […]` is the same as the nested form.
	if err := k.Load(confmap.Provider(inFile.All(), "."), nil); err != nil {
		return fmt.Errorf("configuration file %s: %w", name, err)
	}
	return nil
}

// nearest suggests the known key that key was most likely meant to be.
func nearest(key string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := levenshtein.ComputeDistance(key, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; `gatehouse check` prints the known ones"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// decodingError says in one line what could not be read, the key first.
func decodingError(err error) error {
	var one *mapstructure.DecodeError
	if errors.As(err, &one) {
		return fmt.Errorf("configuration key %s: %w", one.Name(), one.Unwrap())
	}
	return fmt.Errorf("configuration: %w", err)
}

// strict takes no unknown key in the tables of a list, which loadFile does not look into.
var strict = &mapstructure.DecoderConfig{
	DecodeHook: mapstructure.ComposeDecodeHookFunc(
		withDays, mapstructure.TextUnmarshallerHookFunc()),
	WeaklyTypedInput: true,
	ErrorUnused:      true,
}

// withDays reads 90d as 90 times 24 hours.
func withDays(from, to reflect.Type, data any) (any, error) {
	text, ok := data.(string)
	if !ok || from.Kind() != reflect.String || to != reflect.TypeFor[time.Duration]() {
		return data, nil
	}
	return parseAge(text)
}

// parseAge is time.ParseDuration, and takes days too, by themselves: 90d.
func parseAge(text string) (time.Duration, error) {
	days, found := strings.CutSuffix(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of days", text)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// readLists turns the text of environment variables and flags into lists where the key
// holds one: words between commas, or tables in YAML, which JSON is too.
func readLists(defaults *koanf.Koanf, given map[string]any) error {
	for key, value := range given {
		text, ok := value.(string)
		if !ok {
			continue
		}
		switch defaults.Get(key).(type) {
		case []string:
			given[key] = words(text)
		case []any:
			var tables []any
			if err := yamlv3.Unmarshal([]byte(text), &tables); err != nil {
				return fmt.Errorf("configuration key %s: %s does not hold a list in YAML or JSON: %w", key, environmentName(key), err)
			}
			given[key] = tables
		}
	}
	return nil
}

func words(text string) []string {
	list := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
