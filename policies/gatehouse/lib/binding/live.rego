package gatehouse.lib.binding

# Only a binding that expires reads the clock: what read it is not remembered.
live(binding) if object.get(binding, "expires", null) == null

live(binding) if {
	expires := binding.expires
	time.now_ns() < expires * 1000000000
}
