package trusted

import (
	"net/netip"
	"testing"
)

// J16: what a fetch may connect to is decided by the address alone.
func TestReach_refuses_addresses_that_are_not_public(t *testing.T) {
	t.Run("J16", func(t *testing.T) {
		for _, addr := range []string{
			"127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
			"169.254.169.254", "169.254.1.1", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192",
			"192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
			"::", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "2002:7f00:1::", "2001::1",
			"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
			"fe80::a9fe:a9fe", "fd20:ce::254",
		} {
			if (reach{}).allows(netip.MustParseAddr(addr)) {
				t.Errorf("%s may be connected to", addr)
			}
		}
	})
	for _, addr := range []string{"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"} {
		if !(reach{}).allows(netip.MustParseAddr(addr)) {
			t.Errorf("%s, which is public, may not be connected to", addr)
		}
	}
}

func TestReach_opens_what_the_operator_lists_and_no_more(t *testing.T) {
	networks := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	for name, c := range map[string]struct {
		reach reach
		addr  string
		want  bool
	}{
		"a listed network":                   {reach{networks: networks("10.1.0.0/16")}, "10.1.2.3", true},
		"beside a listed network":            {reach{networks: networks("10.1.0.0/16")}, "10.2.2.3", false},
		"a listed network in the other form": {reach{networks: networks("10.1.0.0/16")}, "::ffff:10.1.2.3", true},
		"metadata within a listed network":   {reach{networks: networks("169.254.0.0/16", "0.0.0.0/0")}, "169.254.169.254", false},
		"metadata listed by itself":          {reach{networks: networks("169.254.169.254/32")}, "169.254.169.254", true},
		"loopback for a loopback issuer":     {reach{loopback: true}, "127.0.0.1", true},
		"IPv6 loopback for a loopback one":   {reach{loopback: true}, "::1", true},
		"private for a loopback issuer":      {reach{loopback: true}, "10.0.0.1", false},
		"metadata for a loopback issuer":     {reach{loopback: true}, "169.254.169.254", false},
		"unspecified for a loopback issuer":  {reach{loopback: true}, "0.0.0.0", false},
	} {
		if got := c.reach.allows(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	for _, address := range []string{"", "127.0.0.1", "localhost:80", "10.0.0.1:80"} {
		if (reach{}).control("tcp", address, nil) == nil {
			t.Errorf("%q may be connected to", address)
		}
	}
}
