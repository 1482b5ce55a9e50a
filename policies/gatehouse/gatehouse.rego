# METADATA
# title: Gatehouse
# description: |
#   The default policies. Each folder below is a package; a folder with a
#   documented decision is a question that the server asks.
# scope: subpackages
# organizations:
#   - gatehouse-authz
package gatehouse
