# Every route of Manuel, one call each; ends with 1 when one is answered by another status than it should be.
set -u
out=$(mktemp); trap 'rm -f "$out" "$out".*' EXIT
wrong=0
# expect STATUS METHOD PATH [arguments of curl]
expect() {
    local want=$1 method=$2 path=$3; shift 3
    local got
    got=$(curl -sS --max-time 30 -o "$out" -w '%{http_code}' -X "$method" "$BASE$path" \
        -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@")
    printf '%s %s %s  %.160s\n' "$got" "$method" "$path" "$(tr -d '\n' <"$out")"
    if [ "$got" != "$want" ]; then echo "  expected $want"; wrong=$((wrong + 1)); fi
}
# signed STATUS METHOD PATH BODY: a signature is good for one call, and each call takes a second of its own.
second=$(($(date +%s) - 200))
signed() {
    local hash signature
    second=$((second + 1))
    hash=$(printf %s "$4" | openssl dgst -sha256 -r | cut -d' ' -f1)
    signature=$(printf '%s\n%s\n%s\n%s' "$second" "$2" "$3" "$hash" | openssl dgst -sha256 -hmac "$KEY" -r | cut -d' ' -f1)
    expect "$1" "$2" "$3" -H "X-Manuel-Timestamp: $second" -H "X-Manuel-Signature: $signature" --data-binary "$4"
}
# field NAME: of the last answer.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$out"; }
spoken() { printf '{"%s":"%s","content_type":"audio/wav"}' "$1" "$(base64 -w0 "$VOICE")" >"$out.voice"; }

expect 200 GET /health
expect 200 GET /health/deep
expect 200 GET /version
expect 200 GET /openapi.json
expect 200 GET /docs
expect 204 OPTIONS /api/query
expect 200 POST /api/query -d "$QUESTION"
spoken file_data
expect 200 POST /api/query --data-binary "@$out.voice"
spoken audio_data
expect 200 POST /api/transcribe --data-binary "@$out.voice"
expect 200 GET /api/manuals
signed 201 POST /api/manuals/upload '{"filename":"kettle.md","content_type":"text/markdown","file_data":"IyBLZXR0bGUKCkl0IGhvbGRzIDEuNyBsaXRyZXMuCg=="}'
manual=$(field manual_id); job=$(field ingestion_job_id)
expect 200 GET "/api/ingestion/job/$job"
expect 200 GET /api/ingestion/status
expect 200 GET "/api/manuals/$manual"
# A file of 5 MB goes to the store itself, by a URL that is bound to its size and checksum.
head -c 5242880 /dev/zero | tr '\0' m >"$out.large"
signed 201 POST /api/manuals/upload-url "{\"filename\":\"large.txt\",\"content_type\":\"text/plain\",\"size\":5242880,\"sha256\":\"$(openssl dgst -sha256 -r "$out.large" | cut -d' ' -f1)\"}"
large=$(field manual_id); url=$(field upload_url)
checksum=$(openssl dgst -sha256 -binary "$out.large" | base64)
stored=$(curl -sS --max-time 30 -o /dev/null -w '%{http_code}' -X PUT "$url" -H 'Content-Type: text/plain' \
    -H "x-amz-checksum-sha256: $checksum" --data-binary "@$out.large")
echo "$stored PUT to the store"
[ "$stored" = 200 ] || wrong=$((wrong + 1))
signed 201 POST "/api/manuals/$large/complete" ''
# An address that is not public is refused before anything is sent to it.
signed 400 POST /api/manuals/download '{"url":"https://169.254.169.254/latest/meta-data"}'
expect 200 GET '/api/user/usage?days=7'
expect 200 GET /api/user/quota
signed 204 DELETE "/api/manuals/$manual" ''
signed 204 DELETE "/api/manuals/$large" ''
if [ "$wrong" = 0 ]; then echo 'every route answered as it should'; else echo "$wrong answered otherwise"; exit 1; fi
