-- keep.lua - accounts out of a store and into another one; see common/keep.lua. Sessions and tokens stay
-- where they are, and so does what proves who somebody is, unless it is asked for.
-- SPDX-License-Identifier: MIT

local OF_HERE = {reset = true, since = true} -- a link that was sent; when sessions ended
local SECRET = {password = true, reset = true, since = true}
local PARTS = {'record'}

local function export_account(after, secrets)
    local id = keep_next('accounts', after)
    if not id then return nil end
    local record = keep_hash('record', 'account:' .. id, secrets and OF_HERE or SECRET)
    return id, #record > 2 and {'account', id, record} or nil
end

-- A where to go on, '1': with passwords.
redis.register_function{function_name = '@{export}', flags = {'no-writes'}, callback = function(_, A)
    return keep_export(A, {function(after) return export_account(after, A[2] == '1') end})
end}

-- One that comes without a password has none: nobody can sign in with it until it is set.
local function import_account(item)
    local record, key = keep_fields(item, 'record'), 'account:' .. item.id
    if not record.login or record.id ~= item.id then return 'refused' end
    if redis.call('EXISTS', key) == 1 then
        local except = record.password and OF_HERE or SECRET
        return keep_same(item, {names = PARTS, record = keep_hash('record', key, except)})
    end
    if redis.call('EXISTS', 'account:login:' .. record.login) == 1 then return 'conflict' end
    last_admin(item.id) -- the set of admins is there from now on
    redis.call('SET', 'account:login:' .. record.login, item.id)
    redis.call('HSET', key, unpack(keep_values(item, 'record')))
    redis.call('ZADD', 'accounts', 0, item.id)
    note_admin(shown(item.id))
    return 'added'
end

redis.register_function('@{import}', function(_, A) return keep_import(A, {account = import_account}) end)
