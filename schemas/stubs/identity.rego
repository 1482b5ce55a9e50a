# Generated from the document types of package identity; change those, not this.
#
# Types of the documents under data.identity, for the type checker alone: it is
# compiled beside policies when they are checked, so that a field that no
# document has is an error, and never when they are run.
package identity

meta := {"revision": 0}

accounts[uid] := {
	"email": "",
	"handle": "",
	"kind": "",
	"name": "",
	"organisations": {key: "" | some key in [""]},
	"roles": {key: true | some key in [""]},
	"state": "",
	"teams": {key: "" | some key in [""]},
	"user_id": "",
} if some uid in [""]

teams[uid] := {
	"handle": "",
	"name": "",
	"organisation": "",
} if some uid in [""]

namespaces[name] := {
	"bindings": {key: {
		"expires": 0,
		"role": "",
	} |
		some key in [""]
	},
	"labels": {key: "" | some key in [""]},
	"owners": {key: true | some key in [""]},
} if some name in [""]
