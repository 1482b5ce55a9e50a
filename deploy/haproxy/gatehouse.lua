-- Asks Gatehouse about a request, for `http-request lua.gatehouse ADDRESS`.
--
-- Needs HAProxy 2.6 or newer with Lua, and nothing else: the question is sent with
-- HAProxy's own HTTP client. On 200 the identity headers are replaced by Gatehouse's;
-- on anything else the client gets the refusal, and a 503 where there is no answer, so
-- that it fails closed.

-- What of the client's request Gatehouse has to see. Repeated headers are passed on
-- repeated: Gatehouse refuses those that must not be.
local asked = {
  "authorization", "cookie", "origin", "accept", "user-agent", "upgrade", "connection",
  "sec-websocket-key", "sec-websocket-version", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest",
  "x-requested-with", "access-control-request-method",
}

-- Every header that an application may take for an identity or for a proxy's word.
-- Each is taken from the client; those that Gatehouse answers with are set.
local identity = {
  "x-auth-request-user", "x-auth-request-email", "x-auth-request-groups", "x-auth-request-preferred-username",
  "remote-user", "remote-groups", "remote-name", "remote-email",
  "kubeflow-userid", "kubeflow-groups",
  "x-webauth-user", "x-webauth-email", "x-webauth-name", "x-webauth-groups", "x-webauth-role",
  "x-gatehouse-assertion", "x-gatehouse-decision-id", "x-gatehouse-groups-omitted",
}
local cleared = {
  "x-gatehouse-reason", "x-gatehouse-subject", "x-auth-request-access-token", "x-auth-request-redirect",
  "x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username",
  "x-forwarded-access-token", "x-remote-user", "x-remote-group",
  "x-original-url", "x-original-uri", "x-original-host", "x-original-method",
  "x-forwarded-uri", "x-forwarded-method", "x-forwarded-prefix", "x-forwarded-port", "forwarded", "x-real-ip",
  -- ask some frameworks for another path or method than the one that was judged
  "x-rewrite-url", "x-http-method", "x-http-method-override", "x-method-override",
}
-- What of a refusal the client gets.
local answered = { "www-authenticate", "location", "cache-control", "x-gatehouse-decision-id", "x-gatehouse-reason" }

local deadline = 5000 -- milliseconds

local function all(values)
  local list = {}
  if values then
    local i = 0
    while values[i] do list[#list + 1] = values[i]; i = i + 1 end
    if #list == 0 then for _, v in ipairs(values) do list[#list + 1] = v end end
  end
  return list
end

local function question(txn, headers)
  local q = {
    ["x-forwarded-method"] = { txn.sf:method() },
    ["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" },
    ["x-forwarded-host"] = { txn.sf:req_fhdr("host") },
    ["x-forwarded-uri"] = { txn.sf:pathq() },
    ["x-forwarded-for"] = { txn.sf:src() },
  }
  for _, name in ipairs(asked) do
    local values = all(headers[name])
    if #values > 0 then q[name] = values end
  end
  -- Hop-by-hop names mean something to this hop's own client.
  if q["upgrade"] then q["connection"] = { "upgrade" } else q["connection"] = nil end
  return q
end

local function refuse(txn, status, headers)
  local reply = txn:reply({ status = status })
  reply:add_header("content-length", "0")
  for _, name in ipairs(answered) do
    for _, value in ipairs(all(headers[name])) do reply:add_header(name, value) end
  end
  txn:done(reply)
end

local function gate(txn, address)
  local headers = txn.http:req_get_headers()
  local ok, answer = pcall(function()
    return core.httpclient():get({
      url = "http://" .. address .. "/auth/forward",
      headers = question(txn, headers),
      timeout = deadline,
    })
  end)
  if not ok or not answer or not answer.status or answer.status == 0 then
    txn:Warning("gatehouse gave no answer: refused")
    return refuse(txn, 503, {})
  end
  if answer.status ~= 200 then
    local status = answer.status
    if status < 300 or status > 599 then status = 403 end
    return refuse(txn, status, answer.headers)
  end
  for _, name in ipairs(cleared) do txn.http:req_del_header(name) end
  for _, name in ipairs(identity) do
    txn.http:req_del_header(name)
    local value = all(answer.headers[name])[1]
    if value and value ~= "" then txn.http:req_add_header(name, value) end
  end
end

core.register_action("gatehouse", { "http-req" }, gate, 1)
