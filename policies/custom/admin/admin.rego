# METADATA
# title: An operator's own rules for Gatehouse's own APIs
# description: |
#   Each rule is a package custom.admin.<name> with the partial sets of
#   strings `deny` and `allow`. This file only gives them the types of their
#   input, so that a misspelt field is refused.
# scope: subpackages
# schemas:
#   - input: schema["admin.input"]
package custom.admin
