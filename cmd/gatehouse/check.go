package main

import (
	"fmt"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
)

func newCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration and print what is in force",
		Long: `Reads the configuration as serve would (file, then environment), reports every error
with its key, and prints the result as YAML. Policies are checked by policy check.`,
		Example: `  gatehouse check --config gatehouse.yaml
  GATEHOUSE_INGRESS_HEADERS=kubeflow gatehouse check`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load(nil)
			if err != nil {
				return err
			}
			text, err := cfg.print()
			if err != nil {
				return err
			}
			_, err = a.out.Write(text)
			return err
		},
	}
}

// print renders the configuration as the YAML that load reads back. No key holds
// a secret; one that ever does is masked here.
func (c Config) print() ([]byte, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(c, "koanf"), nil); err != nil {
		return nil, fmt.Errorf("print the configuration: %w", err)
	}
	for _, key := range k.Keys() {
		if d, ok := k.Get(key).(fmt.Stringer); ok {
			if err := k.Set(key, d.String()); err != nil {
				return nil, fmt.Errorf("print the configuration: %w", err)
			}
		}
	}
	return k.Marshal(yaml.Parser())
}
