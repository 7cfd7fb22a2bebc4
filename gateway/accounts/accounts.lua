-- accounts.lua - accounts: records, roles, passwords. Secrets never reach Redis: sessions, tokens
-- and links are known by their hash, passwords by their Argon2id string. All of accounts lives on one
-- Redis, so keys are made here where they are not known before. SPDX-License-Identifier: MIT
--   accounts            zset    ids, all scores 0
--   accounts:admins     set     ids of admins who are not disabled; built when it is missing
--   account:ID          hash    schema id login role handle password created revision, disabled
--                               ('1'), since (sessions without a record are older and void), reset
--   account:login:LOGIN string  id
--   reset:HASH          string  account, while the link is good; account's reset is the same HASH
-- Of a record without revision (made by an older version) it is 1.

local SHOWN = {'id', 'login', 'role', 'handle', 'disabled', 'created', 'revision'}
local ID, LOGIN, ROLE, HANDLE, DISABLED, CREATED, REVISION = 1, 2, 3, 4, 5, 6, 7

local function account_key(id) return 'account:' .. id end

-- The fields of SHOWN, or nil. What an older version did not write is '' or 1.
local function shown(id)
    local a = redis.call('HMGET', account_key(id), unpack(SHOWN))
    if not a[ID] then return nil end
    a[HANDLE], a[DISABLED], a[REVISION] = a[HANDLE] or '', a[DISABLED] or '', a[REVISION] or '1'
    return a
end

local function log(now, actor, login, action, object, detail)
    audit(now, actor, login, action, object, detail or '')
end

local function is_admin(a) return a[ROLE] == 'admin' and a[DISABLED] ~= '1' end

-- Would there be no admin without this one?
local function last_admin(id)
    local call = redis.call
    if call('EXISTS', 'accounts:admins') == 0 then
        for _, each in ipairs(call('ZRANGE', 'accounts', 0, -1)) do
            local a = shown(each)
            if a and is_admin(a) then call('SADD', 'accounts:admins', each) end
        end
    end
    return call('SCARD', 'accounts:admins') - call('SISMEMBER', 'accounts:admins', id) < 1
end

local function note_admin(a)
    redis.call(is_admin(a) and 'SADD' or 'SREM', 'accounts:admins', a[ID])
end

-- sessions:ACCOUNT is session's id -> "HASH created seen agent". All of them end, but for one.
local function end_sessions(account, except)
    local key = 'sessions:' .. account
    local rows = redis.call('HGETALL', key)
    for i = 1, #rows, 2 do
        if rows[i] ~= except then
            redis.call('DEL', 'session:' .. string.match(rows[i + 1], '^%S+'))
            redis.call('HDEL', key, rows[i])
        end
    end
end

-- tokens:ACCOUNT is token's id -> "HASH name".
local function end_tokens(account)
    local key = 'tokens:' .. account
    for _, record in ipairs(redis.call('HVALS', key)) do
        redis.call('DEL', 'token:' .. string.match(record, '^%S+'))
    end
    redis.call('DEL', key)
end

local function end_reset(account)
    local hash = redis.call('HGET', account_key(account), 'reset')
    if hash then redis.call('DEL', 'reset:' .. hash) end
end

-- KEYS: once's two, accounts, account:login:LOGIN, account:ID
-- ARGV: once's two, id, login, role, handle, password hash, '1' if it has to be the first account,
-- who makes it: id, login
local function create(K, A)
    return once(K, A, function(now)
        local call, id, login = redis.call, A[3], A[4]
        if A[8] == '1' and call('ZCARD', K[3]) > 0 then return {'exists'} end
        if call('EXISTS', K[4]) == 1 then return {'taken'} end
        call('SET', K[4], id)
        call('HSET', K[5], 'schema', 1, 'id', id, 'login', login, 'role', A[5], 'handle', A[6],
            'password', A[7], 'created', now, 'revision', 1)
        last_admin(id)
        call('ZADD', K[3], 0, id)
        local a = shown(id)
        note_admin(a)
        local by = A[9] ~= '' and {A[9], A[10]} or {id, login}
        log(now, by[1], by[2], 'accounts.create', 'account:' .. id, login .. ' ' .. A[5])
        return {'ok', unpack(a)}, true
    end)
end

-- What a change does, in words: "role author > editor, disabled".
local function difference(old, new)
    local words = {}
    for _, field in ipairs{ROLE, HANDLE} do
        if old[field] ~= new[field] then
            words[#words + 1] = SHOWN[field] .. ' ' .. old[field] .. ' > ' .. new[field]
        end
    end
    if old[DISABLED] ~= new[DISABLED] then
        words[#words + 1] = new[DISABLED] == '1' and 'disabled' or 'enabled'
    end
    return table.concat(words, ', ')
end

-- ARGV: once's two, id, who does it: id, login; revision or '0' for any; role or ''; '1' and a
-- handle; '1' or '' when disabled is told, else '-'.
local function change(K, A)
    return once(K, A, function(now)
        local call, id = redis.call, A[3]
        local old = shown(id)
        if not old then return {'missing'} end
        if A[6] ~= '0' and A[6] ~= old[REVISION] then return {'stale'} end
        local new = {unpack(old)}
        if A[7] ~= '' then new[ROLE] = A[7] end
        if A[8] == '1' then new[HANDLE] = A[9] end
        if A[10] ~= '-' then new[DISABLED] = A[10] end
        local what = difference(old, new)
        if what == '' then return {'ok', unpack(old)} end
        if is_admin(old) and not is_admin(new) and last_admin(id) then return {'last'} end
        new[REVISION] = string.format('%.0f', tonumber(old[REVISION]) + 1)
        call('HSET', account_key(id), 'role', new[ROLE], 'handle', new[HANDLE], 'disabled',
            new[DISABLED], 'revision', new[REVISION])
        note_admin(new)
        if new[DISABLED] == '1' then
            end_sessions(id)
            end_tokens(id)
            end_reset(id)
        end
        log(now, A[4], A[5], 'accounts.change', 'account:' .. id, old[LOGIN] .. ': ' .. what)
        return {'ok', unpack(new)}, true
    end)
end

-- ARGV: once's two, id, who does it: id, login; revision or '0'.
local function remove(K, A)
    return once(K, A, function(now)
        local call, id = redis.call, A[3]
        local old = shown(id)
        if not old then return {'missing'} end
        if A[6] ~= '0' and A[6] ~= old[REVISION] then return {'stale'} end
        if is_admin(old) and last_admin(id) then return {'last'} end
        end_sessions(id)
        end_tokens(id)
        end_reset(id)
        call('DEL', account_key(id), 'account:login:' .. old[LOGIN])
        call('ZREM', 'accounts', id)
        call('SREM', 'accounts:admins', id)
        log(now, A[4], A[5], 'accounts.remove', 'account:' .. id, old[LOGIN])
        return {'ok'}, true
    end)
end

-- ARGV: id. The fields of SHOWN, or nothing.
local function get(_, A) return shown(A[1]) or {} end

-- ARGV: a login. A list of one account, or of none.
local function find(_, A)
    local id = redis.call('GET', 'account:login:' .. A[1])
    return {id and shown(id) or nil}
end

-- KEYS: accounts. ARGV: start of the range ('-' or '(ID'), how many (at most 101).
local function list(K, A)
    local ids = redis.call('ZRANGEBYLEX', K[1], A[1], '+', 'LIMIT', 0, math.min(tonumber(A[2]), 101))
    local out = {}
    for _, id in ipairs(ids) do out[#out + 1] = shown(id) end
    return out
end

-- ARGV: once's two, id, login, the hash that the old password was right for, the new hash, the
-- session that stays or '', mark of the network. Somebody else may have changed the password meanwhile.
local function password(K, A)
    return once(K, A, function(now)
        local key, id = account_key(A[3]), A[3]
        if redis.call('HGET', key, 'password') ~= A[5] then return {'changed'} end
        redis.call('HSET', key, 'password', A[6], 'since', now)
        end_sessions(id, A[7])
        end_reset(id)
        forgive(A[4], A[8])
        log(now, id, A[4], 'accounts.password', 'account:' .. id)
        return {'ok'}, true
    end)
end

-- ARGV: id, who does it: id, login; hash of the link's secret, seconds. A newer link ends the older
-- one.
local function reset_make(_, A)
    local call, id, hash = redis.call, A[1], A[4]
    local a = shown(id)
    if not a then return {'missing'} end
    end_reset(id)
    call('SET', 'reset:' .. hash, id, 'EX', A[5])
    call('HSET', account_key(id), 'reset', hash)
    log(now_ms(), A[2], A[3], 'accounts.reset', 'account:' .. id, a[LOGIN])
    return {'ok'}
end

-- The account that a link is for, or nil.
local function reset_account(hash)
    local id = redis.call('GET', 'reset:' .. hash)
    if id and redis.call('HGET', account_key(id), 'reset') == hash then return id end
end

-- ARGV: hash. 'ok' while the link is good.
local function reset_look(_, A) return {reset_account(A[1]) and 'ok' or 'gone'} end

-- ARGV: once's two, hash, new password hash ('' asks only for what was answered before), mark of the network. Whoever had got in is out: sessions and tokens end.
local function reset_use(K, A)
    return once(K, A, function(now)
        local id = reset_account(A[3])
        if not id or A[4] == '' then return {'gone'} end
        local a = shown(id)
        redis.call('DEL', 'reset:' .. A[3])
        redis.call('HDEL', account_key(id), 'reset')
        redis.call('HSET', account_key(id), 'password', A[4], 'since', now)
        end_sessions(id)
        end_tokens(id)
        forgive(a[LOGIN], A[5])
        log(now, id, a[LOGIN], 'accounts.password-reset', 'account:' .. id)
        return {'ok', a[LOGIN]}, true
    end)
end

local function reader(name, callback)
    redis.register_function{function_name = name, callback = callback, flags = {'no-writes'}}
end

redis.register_function('@{create}', create)
redis.register_function('@{change}', change)
redis.register_function('@{remove}', remove)
redis.register_function('@{password}', password)
redis.register_function('@{reset_make}', reset_make)
redis.register_function('@{reset_use}', reset_use)
reader('@{reset_look}', reset_look)
reader('@{get}', get)
reader('@{find}', find)
reader('@{list}', list)
