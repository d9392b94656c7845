"""mtail's JSON (standard input) as client, seconds, address."""
import json, sys
text = sys.stdin.read()
starts = [at for at in (text.find("["), text.find("{")) if at >= 0]
found = json.JSONDecoder().raw_decode(text[min(starts):])[0] if starts else []
lists = found.values() if isinstance(found, dict) else [found]
rows = {}
for metrics in lists:
    for metric in metrics:
        for value in metric.get("LabelValues") or []:
            rows.setdefault((value.get("Labels") or [""])[0], {})[metric["Name"]] = value["Value"].get("Value")
for client, row in rows.items():
    if "refused_at" in row:
        print(client, row["refused_at"], row.get("refused_from"), sep="\t")
