-- contributors.lua - profiles of contributors, and their names in articles. SPDX-License-Identifier: MIT

-- Shows the next STEP articles of a renamed contributor again. Returns 1 while there are more.
local function rename_step(handle)
    local key = contributor_key(handle, '')
    local last = redis.call('HGET', key, 'renaming') or ''
    local ids = redis.call('ZRANGE', contributor_key(handle, ':articles'),
        last == '' and '-' or '(' .. last, '+', 'BYLEX', 'LIMIT', 0, STEP)
    for _, id in ipairs(ids) do
        local r = record(id)
        if r then show_again(id, r, now_ms()) end
    end
    if #ids == STEP then
        redis.call('HSET', key, 'renaming', ids[STEP])
        return 1
    end
    redis.call('HDEL', key, 'renaming')
    redis.call('ZREM', 'contributors:renamed', handle)
    return 0
end

redis.register_function('@{rename}', function(K, A) return rename_step(A[1]) end)

-- After once(): handle, revision of If-Match ('' none, '*' any), name as JSON, public JSON without
-- its closing brace, bio as Markdown; who does it: id, login.
redis.register_function('@{contributor}', function(K, A)
    return once(K, A, function(now)
        local handle, match, name, json, markdown, by, login = unpack(A, 3)
        local key = contributor_key(handle, '')
        local old = redis.call('HMGET', key, 'revision', 'name')
        if old[1] and match == '' then return {'unmatched'} end
        if match ~= '' and not (old[1] and (match == '*' or match == old[1])) then return {'stale'} end
        local revision = tostring((old[1] or 0) + 1)
        redis.call('HSET', key, 'schema', 1, 'revision', revision, 'name', name,
            'bio_markdown', markdown)
        redis.call('SET', contributor_key(handle, ':public'),
            revision .. ' 0 ' .. json .. ',"revision":' .. revision)
        redis.call('ZADD', 'contributors', 0, handle)
        audit(now, by, login, 'contributors.put', 'contributor:' .. handle, old[1] and '' or 'new')
        if not old[1] then return {'created'}, true end
        if old[2] == name then return {'updated'}, true end
        redis.call('HSET', key, 'renaming', '')
        redis.call('ZADD', 'contributors:renamed', 0, handle)
        return {'renamed'}, true
    end)
end)
