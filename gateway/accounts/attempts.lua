-- attempts.lua - how often one may try to sign in. SPDX-License-Identifier: MIT
--   signin:p:LOGIN:NETWORK, signin:l:LOGIN, signin:n:NETWORK  string  attempts that did not succeed;
--       LOGIN is a hash of what was typed, NETWORK the mark of the client's network, a MAC

-- Attempts to sign in that did not succeed are counted for WINDOW_S. Only the pair of login and
-- network is ever shut, so nobody can shut an account's owner out from elsewhere. While a login or a
-- network is attacked, its pairs have fewer attempts; NETWORK_MAX keeps one network from taking all
-- the time that passwords cost.
local WINDOW_S, PAIR_MAX, PAIR_PRESSED = 900, 10, 3
local LOGIN_PRESSED, NETWORK_PRESSED, NETWORK_MAX = 50, 100, 1000

local function attempt_keys(login, network)
    login = redis.sha1hex(login) -- whatever was typed, a key is short
    return {'signin:p:' .. login .. ':' .. network, 'signin:l:' .. login, 'signin:n:' .. network}
end

-- Seconds until an attempt may be made; 0: now.
local function attempt_wait(keys)
    local n = redis.call('MGET', unpack(keys))
    for i = 1, 3 do n[i] = tonumber(n[i] or 0) end
    local pressed = n[2] >= LOGIN_PRESSED or n[3] >= NETWORK_PRESSED
    local shut = n[3] >= NETWORK_MAX and keys[3] or
                 n[1] >= (pressed and PAIR_PRESSED or PAIR_MAX) and keys[1]
    return shut and math.max(redis.call('TTL', shut), 1) or 0
end

-- ARGV: login, mark of the network or ''. Counts an attempt, before it is known how it ends, so that
-- many at once are not more than so many one after the other.
local function attempt(_, A)
    local keys = attempt_keys(A[1], A[2])
    local wait = attempt_wait(keys)
    if wait > 0 then return {'wait', tostring(wait)} end
    for _, key in ipairs(keys) do
        if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, WINDOW_S) end
    end
    return {'ok'}
end

-- It was the right password.
local function forgive(login, network)
    local keys = attempt_keys(login, network)
    redis.call('DEL', keys[1])
    for i = 2, 3 do
        if tonumber(redis.call('GET', keys[i]) or 0) > 0 then redis.call('DECR', keys[i]) end
    end
end

redis.register_function('@{attempt}', attempt)
