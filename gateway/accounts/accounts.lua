-- accounts.lua - accounts, sessions and tokens. Secrets never reach Redis: sessions and tokens are
-- known by their hash, passwords by their Argon2id string.

-- KEYS: once's two, accounts, account:login:LOGIN, account:ID
-- ARGV: once's two, id, login, role, handle, password hash, '1' if it has to be the first account
local function create(K, A)
    return once(K, A, function(now)
        if A[8] == '1' and redis.call('ZCARD', K[3]) > 0 then return {'exists'} end
        if redis.call('EXISTS', K[4]) == 1 then return {'taken'} end
        redis.call('SET', K[4], A[3])
        redis.call('HSET', K[5], 'schema', 1, 'id', A[3], 'login', A[4], 'role', A[5],
            'handle', A[6], 'password', A[7], 'created', now)
        redis.call('ZADD', K[3], 0, A[3])
        return {'ok', A[3], A[4], A[5], A[6]}, true
    end)
end

-- KEYS: session:HASH or token:HASH. The account behind it: id, login, role, handle; or nothing.
-- The account's key is made here: it is not known before, and all of accounts lives on one Redis.
local function actor(K)
    local id = redis.call('GET', K[1])
    if not id then return {} end
    local a = redis.call('HMGET', 'account:' .. string.sub(id, 1, 26), 'id', 'login', 'role', 'handle')
    if not a[1] then return {} end
    return a
end

-- KEYS: account:login:LOGIN. id, login, role, handle, password hash; or nothing.
local function by_login(K)
    local id = redis.call('GET', K[1])
    if not id then return {} end
    return redis.call('HMGET', 'account:' .. id, 'id', 'login', 'role', 'handle', 'password')
end

-- KEYS: accounts. ARGV: start of the range ('-' or '(ID'), how many (at most 101).
local function list(K, A)
    local ids = redis.call('ZRANGEBYLEX', K[1], A[1], '+', 'LIMIT', 0, math.min(tonumber(A[2]), 101))
    local out = {}
    for i, id in ipairs(ids) do
        out[i] = redis.call('HMGET', 'account:' .. id, 'id', 'login', 'role', 'handle')
    end
    return out
end

-- KEYS: tokens:ACCOUNT, token:HASH. ARGV: id, 'HASH NAME', account, how many it may have.
local function token(K, A)
    if redis.call('HLEN', K[1]) >= tonumber(A[4]) then return {'full'} end
    redis.call('HSET', K[1], A[1], A[2])
    redis.call('SET', K[2], A[3])
    return {'ok'}
end

redis.register_function('@{create}', create)
redis.register_function('@{token}', token)
redis.register_function{function_name = '@{actor}', callback = actor, flags = {'no-writes'}}
redis.register_function{function_name = '@{by_login}', callback = by_login, flags = {'no-writes'}}
redis.register_function{function_name = '@{list}', callback = list, flags = {'no-writes'}}
