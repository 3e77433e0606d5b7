-- Turns wrk into a source of requests of many visitors and of one line of JSON. BENCH_BODY_BYTES makes them POSTs.
local body_bytes = tonumber(os.getenv("BENCH_BODY_BYTES") or "0")
local visitors = tonumber(os.getenv("BENCH_VISITORS") or "1")
local requests, turn = {}, 0

if body_bytes > 0 then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = '"' .. string.rep("x", body_bytes - 2) .. '"'
end

function init()
  for visitor = 1, visitors do
    local digits = string.format("%08x", visitor * 2654435761 % 2 ^ 32)
    requests[visitor] = wrk.format():gsub("{visitor}", digits)
  end
end

function request()
  turn = turn % visitors + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50_us":%.1f,"p99_us":%.1f,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
