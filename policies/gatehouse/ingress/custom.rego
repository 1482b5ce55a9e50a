package gatehouse.ingress

# Of several rules that speak, the first by name and words, so that two of them
# never conflict.
denied := min({[name, why] | some name; some why in data.custom.ingress[name].deny})

allowed := min({[name, why] | some name; some why in data.custom.ingress[name].allow}) if {
	data.gatehouse.settings.custom_allow.ingress == true
}
