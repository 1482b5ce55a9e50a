package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Letters of other scripts that readers take for Latin ones, each above the letter it is
// taken for. They are those of Unicode's confusables (UTS 39) whose twin may be in a
// handle; letters of one script that look alike, such as 1 and l, stay apart.
const (
	lookAlikes = "аАɑαΑ" + "вВβΒƄ" + "сСς" + "ԁ" + "еЕєεΕ" + "ɡց" + "һНհΗ" + "іІιΙɩı" + "јЈϳ" + "кКκΚ" + "ӏӀ" + "мМΜ" + "Νո" +
		"оОοΟօσ" + "рРρΡ" + "ԛզ" + "г" + "ѕЅտ" + "тТτΤ" + "υսʋ" + "ѵѴν" + "ԝԜѡ" + "хХχΧ" + "уУγΥү" + "ΖƵ"
	lookedAtAs = "aaaaa" + "bbbbb" + "ccc" + "d" + "eeeee" + "gg" + "hhhh" + "iiiiii" + "jjj" + "kkkk" + "ll" + "mmm" + "nn" +
		"oooooo" + "pppp" + "qq" + "r" + "sss" + "tttt" + "uuu" + "vvv" + "www" + "xxxx" + "yyyyy" + "zz"
)

var latin = func() map[rune]rune {
	as := []rune(lookedAtAs)
	m := make(map[rune]rune, len(as))
	for i, r := range []rune(lookAlikes) {
		m[r] = as[i]
	}
	return m
}()

// LookAlike brings every spelling of a name that looks the same into one: white space
// around it, invisible characters and accents go, look-alikes of other scripts become
// Latin, and what remains is folded as names are. It is for counting and warning: no
// account is ever found by it, or a twin could sign in as somebody else.
func LookAlike(name string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || invisible(r) {
			return -1
		}
		if twin, found := latin[r]; found {
			return twin
		}
		return r
	}, norm.NFKD.String(name))
	return fold(strings.TrimSpace(plain))
}
