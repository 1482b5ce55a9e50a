package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Bounds of X-Forwarded-For: what is longer describes no real chain of proxies.
const (
	maxForwardedFor = 4 << 10 // bytes over all lines
	maxHops         = 64      // addresses that are looked at, from the right
)

// Proxies are the peers whose word about the original request is believed. The zero
// value trusts nobody.
type Proxies struct {
	prefixes []netip.Prefix
}

// NewProxies reads addresses and CIDRs. An empty list means exactly this machine
// (127.0.0.1/32 and ::1/128), never everybody.
func NewProxies(list []string) (Proxies, error) {
	if len(list) == 0 {
		list = []string{"127.0.0.1/32", "::1/128"}
	}
	var p Proxies
	for _, text := range list {
		prefix, err := parsePrefix(text)
		if err != nil {
			return Proxies{}, fmt.Errorf("trusted proxy %q: %w", text, err)
		}
		p.prefixes = append(p.prefixes, prefix)
	}
	return p, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		addr = plain(addr)
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	if prefix.Addr().Is4In6() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("an IPv4-mapped prefix needs at least 96 bits")
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// plain is the one spelling under which an address is compared: ::ffff:10.0.0.1 is
// 10.0.0.1, and a zone says nothing about who the peer is.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func (p Proxies) contains(addr netip.Addr) bool {
	for _, prefix := range p.prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Trusted says whether the peer at remoteAddr (host:port as net/http gives it) is
// one of the proxies. What cannot be read is not trusted.
func (p Proxies) Trusted(remoteAddr string) bool {
	peer, err := netip.ParseAddrPort(remoteAddr)
	return err == nil && p.contains(plain(peer.Addr()))
}

// ClientIP is the address of the client that the trusted proxies saw: the first one
// from the right of X-Forwarded-For that is not a proxy itself. It is unknown
// (false) when the header is absent, names only proxies, or holds anything that is
// no address before such a one is found; a caller that is no proxy is the client.
func (p Proxies) ClientIP(r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	if addr := plain(peer.Addr()); !p.contains(addr) {
		return addr, true
	}
	lines := r.Header["X-Forwarded-For"]
	length := 0
	for _, line := range lines {
		length += len(line)
	}
	if length > maxForwardedFor {
		return netip.Addr{}, false
	}
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more && hops < maxHops {
			var last string
			rest, last, more = cutLast(rest)
			hops++
			addr, ok := parseHop(last)
			if !ok {
				return netip.Addr{}, false
			}
			if !p.contains(addr) {
				return addr, true
			}
		}
	}
	return netip.Addr{}, false
}

func cutLast(list string) (rest, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// parseHop reads one element of X-Forwarded-For; some proxies add the port, some
// systems the zone.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	if i := strings.IndexByte(text, '%'); i >= 0 {
		zone, after, bracketed := strings.Cut(text[i:], "]")
		if zone == "%" {
			return netip.Addr{}, false
		}
		text = text[:i]
		if bracketed {
			text += "]" + after
		}
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return plain(addr), true
	}
	if hop, err := netip.ParseAddrPort(text); err == nil {
		return plain(hop.Addr()), true
	}
	return netip.Addr{}, false
}
