package trusted

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
)

// What is fetched comes from addresses that operators and issuers name, and Gatehouse
// stands where many things can be reached that must not be. So every connection is
// looked at once its name has been resolved: only the address itself says where it
// leads, whatever a name said a moment ago.

// errReach says that a connection was not opened.
var errReach = errors.New("the address is not public: list its network in allow_networks if the issuer is meant to be there")

// metadata are the addresses at which clouds hand out credentials. A network that holds
// one of them does not allow it; only the address itself does.
var metadata = addresses(
	"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192",
	"fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fe80::a9fe:a9fe",
)

// special are networks beyond those that netip knows which lead to nobody's public
// server (IANA's registries of special-purpose addresses), or somewhere else than the
// address says.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

// translated is where networks without IPv4 find IPv4 (RFC 6052).
var translated = netip.MustParsePrefix("64:ff9b::/96")

// reach says which addresses may be connected to for one issuer.
type reach struct {
	loopback bool // the issuer itself is on this machine
	networks []netip.Prefix
}

func (r reach) allows(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	if translated.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if metadata[addr] {
		return r.lists(addr, true)
	}
	return public(addr) || r.loopback && addr.IsLoopback() || r.lists(addr, false)
}

func (r reach) lists(addr netip.Addr, alone bool) bool {
	for _, network := range r.networks {
		if network.Contains(addr) && (!alone || network.IsSingleIP()) {
			return true
		}
	}
	return false
}

func public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() { // not: loopback, link-local, multicast, unspecified
		return false
	}
	for _, network := range special {
		if network.Contains(addr) {
			return false
		}
	}
	return true
}

// control is net.Dialer.Control.
func (r reach) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !r.allows(at.Addr()) {
		return errReach
	}
	return nil
}

// loopbackHost says whether a URL's host is this machine by its very name.
func loopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func addresses(texts ...string) map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for _, text := range texts {
		all[netip.MustParseAddr(text)] = true
	}
	return all
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
