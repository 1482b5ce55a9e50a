# METADATA
# title: An operator's own rules for requests at the ingress
# description: |
#   Each rule is a package custom.ingress.<name> with the partial sets of
#   strings `deny` and `allow`. This file only gives them the types of their
#   input, so that a misspelt field is refused.
# scope: subpackages
# schemas:
#   - input: schema["ingress.input"]
package custom.ingress
