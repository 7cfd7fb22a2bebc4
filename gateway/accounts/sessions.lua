-- sessions.lua - signing in, sessions and tokens. SPDX-License-Identifier: MIT
--   session:HASH      string  "ACCOUNT SESSION"; of an older version only the account
--   sessions:ACCOUNT  hash    session's id -> "HASH created seen agent"
--   token:HASH        hash    account id scopes expires created seen; of an older version a string,
--                             the account
--   tokens:ACCOUNT    hash    token's id -> "HASH name"

local SESSIONS_MAX = 100 -- of one account; the oldest gives way
local SEEN_MS = 300000   -- how exactly it is known when somebody was last seen

-- KEYS: account:login:LOGIN. ARGV: login, mark of the network. Seconds to wait, then id,
-- login, role, handle, password hash of the account; without one that may sign in only the seconds.
local function by_login(K, A)
    local id = redis.call('GET', K[1])
    local wait = tostring(attempt_wait(attempt_keys(A[1], A[2])))
    local a = redis.call('HMGET', account_key(id or ''), 'id', 'login', 'role', 'handle', 'password', 'disabled')
    if not a[1] or a[6] == '1' then return {wait} end
    return {wait, unpack(a, 1, 5)}
end

-- ARGV: id. Login and password hash of an account, or nothing.
local function by_id(_, A)
    local a = redis.call('HMGET', account_key(A[1]), 'login', 'password')
    return a[1] and a or {}
end

-- -- sessions -----------------------------------------------------------------------------------

local function split_session(record)
    return string.match(record, '^(%S+) (%d+) (%d+) (.*)$')
end

-- Room for one more: those that have ended go, and of too many the oldest.
local function make_room(key)
    local rows, n, oldest, oldest_at = redis.call('HGETALL', key), 0, nil, nil
    for i = 1, #rows, 2 do
        local hash, created = split_session(rows[i + 1])
        if redis.call('EXISTS', 'session:' .. hash) == 0 then
            redis.call('HDEL', key, rows[i])
        else
            n, created = n + 1, tonumber(created)
            if not oldest or created < oldest_at then oldest, oldest_at = i, created end
        end
    end
    if n >= SESSIONS_MAX then
        redis.call('DEL', 'session:' .. split_session(rows[oldest + 1]))
        redis.call('HDEL', key, rows[oldest])
    end
end

local function end_session(hash)
    local value = redis.call('GET', 'session:' .. hash)
    if not value then return nil end
    local account, id = string.sub(value, 1, 26), string.sub(value, 28)
    redis.call('DEL', 'session:' .. hash)
    if id ~= '' then redis.call('HDEL', 'sessions:' .. account, id) end
    return account, id
end

-- ARGV: hash, id, account, the password hash that was right, seconds, agent, hash of the session that
-- this one replaces or '', login, mark of the network. Done again it makes another session, as the
-- secret is another one.
local function session_make(_, A)
    local call, hash, id, account, now = redis.call, A[1], A[2], A[3], now_ms()
    local a = call('HMGET', account_key(account), 'password', 'disabled')
    if a[1] ~= A[4] or a[2] == '1' then return {'gone'} end
    local key = 'sessions:' .. account
    if A[7] ~= '' then end_session(A[7]) end
    make_room(key)
    call('SET', 'session:' .. hash, account .. ' ' .. id, 'EX', A[5])
    call('HSET', key, id, string.format('%s %.0f %.0f %s', hash, now, now, A[6]))
    call('EXPIRE', key, A[5])
    forgive(A[8], A[9])
    log(now, account, A[8], 'sessions.create', 'session:' .. id)
    return {'ok'}
end

-- ARGV: hash. Whoever has the secret may end it.
local function session_end(_, A)
    local account, id = end_session(A[1])
    if account then
        local login = redis.call('HGET', account_key(account), 'login')
        log(now_ms(), account, login or '', 'sessions.end', 'session:' .. id)
    end
    return {'ok'}
end

-- ARGV: account. For each session: id, created, seen, agent.
local function sessions(_, A)
    local rows, out = redis.call('HGETALL', 'sessions:' .. A[1]), {}
    for i = 1, #rows, 2 do
        local hash, created, seen, agent = split_session(rows[i + 1])
        if redis.call('EXISTS', 'session:' .. hash) == 1 then
            out[#out + 1] = {rows[i], created, seen, agent}
        end
    end
    return out
end

-- ARGV: account, its login, a session's id, or '' for all but the one that follows.
local function sessions_end(_, A)
    local key, account, id = 'sessions:' .. A[1], A[1], A[3]
    if id == '' then
        end_sessions(account, A[4])
        -- Those of an older version have no record.
        if redis.call('EXISTS', account_key(account)) == 1 then
            redis.call('HSET', account_key(account), 'since', now_ms())
        end
        log(now_ms(), account, A[2], 'sessions.end-others', 'account:' .. account)
        return {'ok'}
    end
    local record = redis.call('HGET', key, id)
    local hash = record and split_session(record)
    if not hash or redis.call('EXISTS', 'session:' .. hash) == 0 then return {'missing'} end
    end_session(hash)
    log(now_ms(), account, A[2], 'sessions.end', 'session:' .. id)
    return {'ok'}
end

-- -- tokens -------------------------------------------------------------------------------------

-- What is behind a token: account, id, scopes, expires, seen; or nil.
local function token_behind(key)
    local kind = redis.call('TYPE', key).ok
    if kind == 'hash' then
        return redis.call('HMGET', key, 'account', 'id', 'scopes', 'expires', 'seen', 'created')
    end
    return kind == 'string' and {string.sub(redis.call('GET', key), 1, 26), '', '', '', '', ''}
end

-- KEYS: tokens:ACCOUNT, token:HASH. ARGV: id, hash, name, account, its login, how many it may have,
-- scopes or '', Unix ms when it ends or ''.
local function token_make(K, A)
    local call, now = redis.call, now_ms()
    if call('EXISTS', account_key(A[4])) == 0 or call('HGET', account_key(A[4]), 'disabled') == '1' then
        return {'gone'}
    end
    local rows = call('HGETALL', K[1])
    for i = 1, #rows, 2 do
        if call('EXISTS', 'token:' .. string.match(rows[i + 1], '^%S+')) == 0 then call('HDEL', K[1], rows[i]) end
    end
    if call('HLEN', K[1]) >= tonumber(A[6]) then return {'full'} end
    if A[8] ~= '' and tonumber(A[8]) <= now then return {'past'} end
    call('HSET', K[1], A[1], A[2] .. ' ' .. A[3])
    call('HSET', K[2], 'account', A[4], 'id', A[1], 'scopes', A[7], 'expires', A[8], 'created', now, 'seen', '')
    if A[8] ~= '' then call('PEXPIREAT', K[2], A[8]) end
    log(now, A[4], A[5], 'tokens.create', 'token:' .. A[1], A[3])
    return {'ok', string.format('%.0f', now)}
end

-- ARGV: account. For each token: id, name, created, seen, scopes, expires.
local function tokens(_, A)
    local rows, out = redis.call('HGETALL', 'tokens:' .. A[1]), {}
    for i = 1, #rows, 2 do
        local hash, name = string.match(rows[i + 1], '^(%S+) (.*)$')
        local t = token_behind('token:' .. hash)
        if t then out[#out + 1] = {rows[i], name, t[6], t[5], t[3], t[4]} end
    end
    return out
end

-- KEYS: tokens:ACCOUNT. ARGV: account, its login, id.
local function token_end(K, A)
    local record = redis.call('HGET', K[1], A[3])
    if not record then return {'missing'} end
    local hash, name = string.match(record, '^(%S+) (.*)$')
    local there = redis.call('DEL', 'token:' .. hash)
    redis.call('HDEL', K[1], A[3])
    if there == 0 then return {'missing'} end
    log(now_ms(), A[1], A[2], 'tokens.end', 'token:' .. A[3], name)
    return {'ok'}
end

-- -- who asks -----------------------------------------------------------------------------------

-- What is behind a session: as token_behind, without scopes and end.
local function session_behind(key)
    local value = redis.call('GET', key)
    if not value then return nil end
    local account, id = string.sub(value, 1, 26), string.sub(value, 28)
    if id == '' then return {account, '', '', '', ''} end
    local record = redis.call('HGET', 'sessions:' .. account, id)
    if not record then return nil end
    local _, created, seen = split_session(record)
    return {account, id, '', '', seen, created}
end

-- KEYS: session:HASH or token:HASH. id, login, role, handle; by what: 's' a session, 't' a token,
-- 'l' one that has scopes or an end, and its id; scopes; '1' when it is time to note that it was
-- seen. Or nothing.
local function actor(K)
    local token = string.sub(K[1], 1, 6) == 'token:'
    local b = token and token_behind(K[1]) or not token and session_behind(K[1])
    if not b then return {} end
    local a = redis.call('HMGET', account_key(b[1]), 'id', 'login', 'role', 'handle', 'disabled', 'since')
    if not a[1] or a[5] == '1' then return {} end
    if not token and b[2] == '' and a[6] then return {} end
    local by = not token and 's' or (b[3] ~= '' or b[4] ~= '') and 'l' or 't'
    local stale = b[2] ~= '' and now_ms() - tonumber(b[5] ~= '' and b[5] or 0) > SEEN_MS
    return {a[1], a[2], a[3], a[4] or '', by .. b[2], b[3], stale and '1' or ''}
end

-- KEYS: session:HASH or token:HASH.
local function seen(K)
    local call, now = redis.call, string.format('%.0f', now_ms())
    if string.sub(K[1], 1, 6) == 'token:' then
        if call('TYPE', K[1]).ok == 'hash' then call('HSET', K[1], 'seen', now) end
        return {'ok'}
    end
    local b = session_behind(K[1])
    if b and b[2] ~= '' then
        local key = 'sessions:' .. b[1]
        local hash, created, _, agent = split_session(call('HGET', key, b[2]))
        call('HSET', key, b[2], hash .. ' ' .. created .. ' ' .. now .. ' ' .. agent)
    end
    return {'ok'}
end

redis.register_function('@{session_make}', session_make)
redis.register_function('@{session_end}', session_end)
redis.register_function('@{sessions_end}', sessions_end)
redis.register_function('@{token_make}', token_make)
redis.register_function('@{token_end}', token_end)
redis.register_function('@{seen}', seen)
reader('@{by_login}', by_login)
reader('@{by_id}', by_id)
reader('@{sessions}', sessions)
reader('@{tokens}', tokens)
reader('@{actor}', actor)
