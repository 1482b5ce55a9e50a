package gatehouse.lib.result_test

import data.gatehouse.lib.result

test_every_reason_has_an_effect_that_the_server_knows if {
	every _, effect in result.effects {
		effect in {"allow", "deny", "login"}
	}
}

test_a_word_that_is_not_on_the_list_has_no_effect if {
	every word in ["because", ""] { not result.effects[word] }
}

test_only_signing_in_is_a_login if {
	{reason | some reason, "login" in result.effects} == {"not_signed_in"}
}

# The ingress allows by these without asking the list.
test_what_a_row_grants_by_allows if {
	every word in ["account", "binding", "owner", "public", "role", "self"] { result.effects[word] == "allow" }
}
