package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/dustin/go-humanize"
)

// byteSize is an amount of memory. It is read as a number of bytes or with a unit, as in
// 64MiB or 1GB, and shown in the largest binary unit that says it exactly.
type byteSize int64

const (
	kibibyte byteSize = 1 << 10
	mebibyte byteSize = 1 << 20
	gibibyte byteSize = 1 << 30
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("%q is no amount of memory such as 64MiB", text)
	}
	*b = byteSize(n)
	return nil
}

func (b byteSize) String() string {
	for _, unit := range []struct {
		size byteSize
		name string
	}{{gibibyte, "GiB"}, {mebibyte, "MiB"}, {kibibyte, "KiB"}} {
		if b >= unit.size && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
