package manifest

import "github.com/gatehouse-authz/gatehouse/identity"

// normalHandle is raw as the directory would keep it; a handle that it would refuse
// stays as it is and is reported when it is written.
func normalHandle(raw string) string {
	if handle, err := identity.NormalHandle(raw); err == nil {
		return string(handle)
	}
	return raw
}

func normalEmail(raw string) string {
	if email, err := identity.NormalEmail(raw); err == nil {
		return string(email)
	}
	return raw
}

func sameHandle(raw string, now identity.Handle) bool { return normalHandle(raw) == string(now) }

func sameEmail(raw string, now identity.Email) bool { return normalEmail(raw) == string(now) }

func isEmail(raw string) bool {
	_, err := identity.NormalEmail(raw)
	return err == nil
}
