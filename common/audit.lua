-- audit.lua - put behind once.lua in every library: the log of what people with accounts did. An
-- entry is written by the function that does the thing, so one is there if and only if the other
-- is. Each service has a log of its own (audit:SERVICE, a stream) in its own Redis; whoever wants all
-- of them asks each service (audit.h) and merges by time. SPDX-License-Identifier: MIT

local AUDIT_MAX = 100000 -- entries that are kept of one service, a few more while Redis trims
local AUDIT_TEXT_MAX = 300 -- bytes of a detail

-- Not more than so many bytes, and no part of a character at the end.
local function audit_cut(text)
    if #text <= AUDIT_TEXT_MAX then return text end
    local at = AUDIT_TEXT_MAX
    while at > 0 and string.find(string.sub(text, at + 1, at + 1), '[\128-\191]') do at = at - 1 end
    return string.sub(text, 1, at)
end

-- After all checks, in a function that goes through once(): now is what once() gave. action is
-- "polls.close", as operations are called; object "poll:ID" or ''; detail a short text or ''.
-- Without an actor ('': nobody is signed in, or a timer) nothing is logged.
local function audit(now, actor_id, actor_login, action, object, detail)
    if actor_id == '' then return end
    local service = string.match('@{audit}', '^%a+')
    redis.call('XADD', 'audit:' .. service, 'MAXLEN', '~', AUDIT_MAX, '*', 'at', string.format('%.0f', now),
        'actor', actor_id, 'login', actor_login, 'action', action, 'object', object,
        'detail', audit_cut(detail))
end

-- ARGV: as audit, from the actor on.
redis.register_function('@{audit_note}', function(_, A)
    audit(now_ms(), A[1], A[2], A[3], A[4], A[5])
    return 'ok'
end)
