package custom.lib.p

named(handle) if data.identity.accounts[_].handle == handle
