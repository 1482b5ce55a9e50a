package web

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func mustProxies(t *testing.T, list ...string) Proxies {
	t.Helper()
	p, err := NewProxies(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProxies_without_a_list_are_this_machine_only(t *testing.T) {
	for _, p := range []Proxies{mustProxies(t), {}} {
		configured := len(p.prefixes) > 0
		for peer, want := range map[string]bool{
			"127.0.0.1:80": configured, "[::1]:80": configured, "[::ffff:127.0.0.1]:80": configured, "[::1%lo]:80": configured,
			"127.0.0.2:80": false, "10.0.0.1:80": false, "[::]:80": false, "[fe80::1%eth0]:80": false,
			"": false, "127.0.0.1": false, "@": false, "pipe": false,
		} {
			if got := p.Trusted(peer); got != want {
				t.Errorf("with %v, Trusted(%q) = %v, want %v", p, peer, got, want)
			}
		}
	}
}

func TestProxies_take_addresses_and_prefixes_in_any_spelling(t *testing.T) {
	p := mustProxies(t, "10.0.0.0/8", "192.168.1.77/24", "2001:db8::/32", "::ffff:172.16.0.0/108", "203.0.113.9", "::ffff:198.51.100.1")
	for peer, want := range map[string]bool{
		"10.255.0.1:1": true, "[::ffff:10.0.0.1]:1": true, "192.168.1.1:1": true, "192.168.2.1:1": false, "[2001:db8::5]:1": true,
		"172.16.3.4:1": true, "172.32.0.1:1": false, "203.0.113.9:1": true, "203.0.113.8:1": false, "198.51.100.1:1": true, "127.0.0.1:1": false,
	} {
		if got := p.Trusted(peer); got != want {
			t.Errorf("Trusted(%q) = %v, want %v", peer, got, want)
		}
	}
}

func TestProxies_refuse_what_is_no_network(t *testing.T) {
	for _, text := range []string{"", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.0/8 ", "*", "::ffff:0:0/90", "all"} {
		if p, err := NewProxies([]string{"127.0.0.1", text}); err == nil || !strings.Contains(err.Error(), "trusted proxy") {
			t.Errorf("NewProxies(%q) = %v, %v, want an error that names it", text, p, err)
		}
	}
}

func TestClientIP_is_the_first_untrusted_hop_from_the_right(t *testing.T) {
	p := mustProxies(t, "127.0.0.1", "10.0.0.0/8")
	for _, c := range []struct {
		peer string
		xff  []string
		want string // "" = unknown
	}{
		{"203.0.113.9:1", []string{"1.2.3.4"}, "203.0.113.9"},
		{"127.0.0.1:1", nil, ""},
		{"127.0.0.1:1", []string{""}, ""},
		{"127.0.0.1:1", []string{"1.2.3.4"}, "1.2.3.4"},
		{"127.0.0.1:1", []string{"9.9.9.9, 1.2.3.4 ,10.1.1.1"}, "1.2.3.4"},
		{"127.0.0.1:1", []string{"9.9.9.9", "1.2.3.4", "10.1.1.1"}, "1.2.3.4"},
		{"127.0.0.1:1", []string{"junk,1.2.3.4"}, "1.2.3.4"},
		{"127.0.0.1:1", []string{"1.2.3.4,junk"}, ""},
		{"127.0.0.1:1", []string{"1.2.3.4,"}, ""},
		{"127.0.0.1:1", []string{"10.0.0.1,10.0.0.2"}, ""},
		{"127.0.0.1:1", []string{"::ffff:1.2.3.4"}, "1.2.3.4"},
		{"127.0.0.1:1", []string{"1.2.3.4:99"}, "1.2.3.4"},
		{"127.0.0.1:1", []string{"[2001:db8::1%eth0]:99"}, "2001:db8::1"},
		{"127.0.0.1:1", []string{"2001:DB8::1"}, "2001:db8::1"},
		{"127.0.0.1:1", []string{"1.2.3.4%"}, ""},
		{"127.0.0.1:1", []string{strings.Repeat("10.0.0.1,", 70) + "10.0.0.1"}, ""},
		{"127.0.0.1:1", []string{"1.2.3.4" + strings.Repeat(",10.0.0.1", 70)}, ""},
		{"127.0.0.1:1", []string{strings.Repeat("9", 5<<10) + ",1.2.3.4"}, ""},
		{"broken", []string{"1.2.3.4"}, ""},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.xff != nil {
			r.Header["X-Forwarded-For"] = c.xff
		}
		got, known := p.ClientIP(r)
		want, _ := netip.ParseAddr(c.want)
		if got != want || known != (c.want != "") {
			t.Errorf("peer %s, chain %.60q: ClientIP = %v, %v, want %q", c.peer, c.xff, got, known, c.want)
		}
	}
}
