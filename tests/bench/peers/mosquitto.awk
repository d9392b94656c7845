# The last refusal of each client with its connection: the newest that nobody took. What an administrator writes.
# In Docker's JSON the line is taken out first.
docker { sub(/^\{"log":"/, ""); sub(/\\n","stream":.*$/, ""); gsub(/\\u003c/, "<"); gsub(/\\u003e/, ">") }
$2 == "New" && $3 == "connection" { open[++last] = $5; place[$5] = last; next }
$2 == "New" && $3 == "client" { i = place[$6]; if (i) { delete open[i]; delete place[$6] } next }
$2 == "Client" {
  refused = sub(/ disconnected, not authorised\.$/, "")
  if (!refused && $3 != "<unknown>") next
  while (last > 0 && !(last in open)) last--
  from = (last in open) ? open[last] : ""
  if (from != "") { delete place[from]; delete open[last] }
  if (!refused) next
  time = substr($1, 1, length($1) - 1); id = substr($0, length($1) + 9)
  sub(/:[0-9]+$/, "", from)
  at[id] = time; ip[id] = from
}
END { for (id in at) print id "\t" at[id] "\t" ip[id] }
