package gatehouse.lib.binding

import data.gatehouse.lib.subject

owner(namespace) if object.filter(data.identity.namespaces[namespace].owners, subject.principals) != {}

# An owning organisation means its owners.
owner(namespace) if {
	some organisation, "owner" in subject.account.organisations
	data.identity.namespaces[namespace].owners[concat("", ["account:", organisation])]
}
