package gatehouse.ingress_test

opened := {"ingress": true}

by(rule, why) := {"rule": rule, "why": why}

test_a_custom_deny_goes_before_what_is_granted if {
	got := decide(account("ADA"), request("GET", notebook)) with data.custom.ingress.quiet_hours.deny as {"it is night"}
	got == decided("deny", "custom_deny", object.union(of_notebook("read"), by("custom.ingress.quiet_hours", "it is night")))
}

test_a_custom_rule_that_is_silent_changes_nothing if {
	got := decide(account("ADA"), request("GET", notebook)) with data.custom.ingress.quiet_hours.deny as set()
	got == decided("allow", "owner", of_notebook("read"))
}

test_of_several_custom_denies_the_first_by_name_and_words_speaks if {
	rules := {"zeal": {"deny": {"a"}}, "calm": {"deny": {"two", "one"}}, "kind": {"allow": {"yes"}}}
	got := decide(account("ADA"), request("GET", notebook)) with data.custom.ingress as rules
		with data.gatehouse.settings.custom_allow as opened
	got == decided("deny", "custom_deny", object.union(of_notebook("read"), by("custom.ingress.calm", "one")))
}

test_a_custom_deny_is_no_login if {
	got := decide(anonymous, request("GET", notebook)) with data.custom.ingress.lock.deny as {"closed"}
	got == decided("deny", "custom_deny", object.union(of_notebook("read"), by("custom.ingress.lock", "closed")))
}

test_a_custom_allow[note] if {
	some note, tc in {
		"counts where configuration opens it": [opened, "allow", "custom_allow", by("custom.ingress.fair", "open day")],
		"does not where it does not": [{}, "deny", "no_binding", {}],
		"nor where another question is open": [{"admin": true}, "deny", "no_binding", {}],
		"nor where it is closed in so many words": [{"ingress": false}, "deny", "no_binding", {}],
	}
	[settings, effect, reason, labels] := tc
	got := decide(account("BOB"), request("GET", notebook)) with data.custom.ingress.fair.allow as {"open day"}
		with data.gatehouse.settings.custom_allow as settings
	got == decided(effect, reason, object.union(of_notebook("read"), labels))
}

test_a_custom_allow_opens_a_path_without_a_row if {
	got := decide(anonymous, request("GET", ["fair"])) with data.custom.ingress.fair.allow as {"open day"}
		with data.gatehouse.settings.custom_allow as opened
	got == decided("allow", "custom_allow", by("custom.ingress.fair", "open day"))
}

test_of_several_custom_allows_the_first_speaks if {
	got := decide(anonymous, request("GET", ["fair"])) with data.custom.ingress as {"b": {"allow": {"x"}}, "a": {"allow": {"z", "y"}}}
		with data.gatehouse.settings.custom_allow as opened
	got == decided("allow", "custom_allow", by("custom.ingress.a", "y"))
}
