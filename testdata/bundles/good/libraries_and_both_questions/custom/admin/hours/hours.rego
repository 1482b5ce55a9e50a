package custom.admin.hours

deny contains why if {
	input.action == "remove"
	why := "nothing is removed here"
}
