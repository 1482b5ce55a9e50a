package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// doctorOptions is what the flags of `gatehouse doctor` say.
type doctorOptions struct {
	connect   string        // address to dial in place of the URL's; "" = the URL's
	public    string        // a path that anonymous people may read
	tokenFile string        // a member's bearer token; "" = anonymous checks only, "-" = standard input
	insecure  bool          // do not verify the certificate
	timeout   time.Duration // for one probe
}

func newDoctorCommand(a *app) *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor URL",
		Short: "Probe a guarded URL through the real ingress, as an attacker would",
		Long: `Sends anonymous requests to URL through whatever proxy stands before it and checks
that the gate is closed: that a stranger is turned away whatever the method, that it
is Gatehouse who answers, that headers only a proxy may write change nothing, and that
the host Gatehouse judges is the host the proxy serves. Name a URL that needs a
sign-in. Nothing is changed by the probes where the gate is closed.

The exit status is 1 when a check failed; each failure says what to do.`,
		Example: `  gatehouse doctor https://app.example.org/notebook/lab/demo/lab
  gatehouse token --account ada | gatehouse doctor --token-file - https://app.example.org/notebook/lab/demo/lab
  gatehouse doctor --connect 127.0.0.1:8080 http://app.example.org/notebook/lab/demo/lab`,
		Args: takes("URL"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := newDoctor(args[0], o, a.in)
			if err != nil {
				return err
			}
			return d.examine(c.Context(), a.out)
		},
	}
	c.Flags().StringVar(&o.connect, "connect", "", "dial `ADDRESS` in place of the URL's host and port")
	c.Flags().StringVar(&o.public, "public", "/hub/login", "a `PATH` on the same host that anonymous people may read, for the spoofing checks")
	c.Flags().StringVar(&o.tokenFile, "token-file", "", "`FILE` with the token of somebody who may read URL (- = standard input): checks that members pass too")
	c.Flags().BoolVar(&o.insecure, "insecure", false, "do not verify the ingress's certificate")
	c.Flags().DurationVar(&o.timeout, "timeout", 5*time.Second, "time for one probe")
	return c
}

// verdict is how a check ended. Only failed makes the command fail.
type verdict string

const (
	passed verdict = "ok"
	noted  verdict = "note"
	failed verdict = "FAIL"
)

// finding is one line of the report: what was checked, what was seen, and for all
// but passed what to do.
type finding struct {
	verdict verdict
	title   string
	saw     string
	advice  string
}

// doctor examines one URL; baseline is how its first, plain request was answered.
type doctor struct {
	target   *url.URL
	address  string
	public   string
	token    string
	insecure bool
	timeout  time.Duration
	baseline answer
}

func newDoctor(target string, o doctorOptions, stdin io.Reader) (*doctor, error) {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return nil, fmt.Errorf("doctor: %w", err)
	case (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return nil, fmt.Errorf("doctor: %q is not an http(s) URL such as https://app.example.org/notebook/lab/demo/lab", target)
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("doctor: give the URL without user name and fragment")
	case !strings.HasPrefix(o.public, "/"):
		return nil, fmt.Errorf("doctor: --public %q must begin with /", o.public)
	case o.timeout <= 0:
		return nil, fmt.Errorf("doctor: --timeout %v must be more than 0", o.timeout)
	}
	d := &doctor{target: u, address: o.connect, public: o.public, insecure: o.insecure, timeout: o.timeout}
	if d.address == "" {
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		d.address = net.JoinHostPort(u.Hostname(), port)
	}
	d.token, err = readToken(o.tokenFile, stdin)
	return d, err
}

// readToken takes the token from a file, never from the command line, where every
// user of the machine could read it.
func readToken(name string, stdin io.Reader) (string, error) {
	const limit = 16 << 10
	source := stdin
	switch name {
	case "":
		return "", nil
	case "-":
	default:
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("doctor: read the token: %w", err)
		}
		defer f.Close()
		source = f
	}
	raw, err := io.ReadAll(io.LimitReader(source, limit))
	if err != nil {
		return "", fmt.Errorf("doctor: read the token: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("doctor: --token-file %s holds no token: make one with `gatehouse token --account NAME`", name)
	}
	return token, nil
}

// examine runs every check and prints its finding as soon as it is there. The plain
// request comes first; where it was let in or not answered, the others would only
// repeat the news.
func (d *doctor) examine(ctx context.Context, out io.Writer) error {
	failures, total := 0, 0
	report := func(f finding) {
		total++
		if f.verdict == failed {
			failures++
		}
		fmt.Fprintf(out, "%-5s %s: %s\n", f.verdict, f.title, f.saw)
		if f.advice != "" {
			fmt.Fprintf(out, "      -> %s\n", strings.ReplaceAll(f.advice, "\n", "\n         "))
		}
	}
	first := d.strangerIsTurnedAway(ctx)
	report(first)
	if first.verdict != failed {
		for _, check := range d.checks() {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("doctor: %w", err)
			}
			report(check(ctx))
		}
	}
	fmt.Fprintf(out, "\n%d checks, %d failed\n", total, failures)
	if failures > 0 {
		return exitCode(1)
	}
	return nil
}

func (d *doctor) checks() []func(context.Context) finding {
	all := []func(context.Context) finding{
		d.gatehouseAnswers,
		d.everyMethodIsGuarded,
		d.webSocketsAreGuarded,
		d.pathTricksStayOutside,
		d.proxyHeadersAreInert,
		d.hostIsPinned,
		d.identityHeadersSurvive,
	}
	if d.token != "" {
		all = append(all, d.memberPasses, d.answersAreNotReused)
	}
	return all
}
