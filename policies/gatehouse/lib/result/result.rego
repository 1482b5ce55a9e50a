# METADATA
# title: What a decision may say
# description: |
#   The reasons are a closed list: a word that is not on it has no effect, and
#   no effect is a denial.
package gatehouse.lib.result

effects := {
	"account": "allow",
	"binding": "allow",
	"custom_allow": "allow",
	"member": "allow",
	"owner": "allow",
	"public": "allow",
	"role": "allow",
	"self": "allow",
	"account_disabled": "deny",
	"ambiguous_path": "deny",
	"custom_deny": "deny",
	"no_account": "deny",
	"no_binding": "deny",
	"no_route": "deny",
	"not_granted": "deny",
	"not_self": "deny",
	"role_exceeds_own": "deny",
	"role_missing": "deny",
	"scope_missing": "deny",
	"unknown_account": "deny",
	"unknown_action": "deny",
	"unknown_method": "deny",
	"unknown_role": "deny",
	"verb_not_granted": "deny",
	"not_signed_in": "login",
}
