# The last refusal of each client; one line names all. Its fields stand in one order in what the broker writes.
/"msg":"terminate"/ && /\{shutdown,not_authorized\}/ {
  match($0, /"time":[0-9]+/); time = substr($0, RSTART + 7, 10)
  match($0, /"clientid":"[^"]*"/); id = substr($0, RSTART + 12, RLENGTH - 13)
  match($0, /"peername":"[^"]*"/); from = substr($0, RSTART + 12, RLENGTH - 13)
  sub(/:[0-9]+$/, "", from)
  at[id] = time; ip[id] = from
}
END { for (id in at) print id "\t" at[id] "\t" ip[id] }
