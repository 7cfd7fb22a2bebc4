-- comments.lua - what must be atomic about comments; comments_store.h lists the keys.
-- A shown comment is "REVISION EXCERPT\n{json" without its closing brace: what does not move. Its
-- replies and their number come from the sorted sets, whose members are ids and so are in order of
-- time. A thread's version is the time of its last change, so it also grows over a loss of the newest
-- writes, as a failover may bring.

local SCHEMA, RECENT_MAX, NEWEST, DEPTH_MAX = '1', 1000, 5, 63
local NESTED_MAX, REPLIES_SHOWN, ANSWER_COMMENTS, ANSWER_BYTES = 6, 3, 1000, 2 * 1024 * 1024

local function comment_key(id, part) return 'comment:{' .. id .. '}' .. part end
local function thread_key(article, part) return 'thread:{' .. article .. '}' .. part end

-- Count, version and newest ids of an article's thread after a change; two keys keep them.
local function changed(article, now)
    redis.call('ZADD', 'comments:threads', 0, article)
    local all = thread_key(article, ':all')
    local count = redis.call('ZCARD', all)
    local newest = table.concat(redis.call('ZRANGE', all, 0, NEWEST - 1, 'REV'), ' ')
    local fact = redis.call('GET', 'fact:thread:' .. article) or ''
    local version = math.max(now, (tonumber(string.match(fact, ' (%d+)$')) or 0) + 1)
    version = string.format('%.0f', version)
    local text = count .. ' ' .. version
    tell('thread.counted', 'fact:thread:', article, version, text, now)
    redis.call('SET', thread_key(article, ':newest'), newest)
    return text, newest
end

-- Why nobody may comment there, or nil.
local function shut(article)
    local status, open = string.match(redis.call('GET', 'fact:article:' .. article) or '',
        '^%d+ (%a+) (%d)')
    if status ~= 'published' and status ~= 'archived' then return 'absent' end
    if status == 'archived' or open ~= '1' then return 'closed' end
    return nil
end

-- The depth of a reply to parent, or nil and why not.
local function depth_under(article, parent)
    if parent == '' then return 0 end
    local p = redis.call('HMGET', comment_key(parent, ''), 'article', 'depth', 'status')
    if p[1] ~= article then return nil, 'orphan' end
    if p[3] ~= 'approved' then return nil, 'withdrawn' end
    if tonumber(p[2]) >= DEPTH_MAX then return nil, 'deep' end
    return tonumber(p[2]) + 1
end

-- After once(): article, id, parent or '', head and tail of the shown text (the depth stands between
-- them), name, e-mail, markdown, actor.
redis.register_function('@{post}', function(K, A)
    return once(K, A, function(now)
        local article, id, parent, head, tail, name, email, markdown, actor = unpack(A, 3)
        local why = shut(article)
        if why then return {why} end
        local depth, no = depth_under(article, parent)
        if not depth then return {no} end
        redis.call('HSET', comment_key(id, ''), 'schema', SCHEMA, 'article', article, 'parent', parent,
            'depth', depth, 'status', 'approved', 'revision', 1, 'name', name, 'email', email,
            'markdown', markdown, 'actor', actor)
        redis.call('SET', comment_key(id, ':public'), head .. ',"depth":' .. depth .. tail)
        local siblings = parent == '' and thread_key(article, ':roots') or comment_key(parent, ':replies')
        redis.call('ZADD', siblings, 0, id)
        redis.call('ZADD', thread_key(article, ':all'), 0, id)
        redis.call('ZADD', 'comments:recent', 0, id)
        redis.call('ZREMRANGEBYRANK', 'comments:recent', 0, -RECENT_MAX - 1)
        local fact, newest = changed(article, now)
        return {'posted', id, article, fact, newest}, true
    end)
end)

-- Those of the given comments that are there and that the budget still covers; false if it does not
-- cover all.
local function load(ids, budget)
    local nodes, keys = {}, {}
    if #ids == 0 then return nodes, true end
    for i, id in ipairs(ids) do keys[i] = comment_key(id, ':public') end
    for i, text in ipairs(redis.call('MGET', unpack(keys))) do
        if text then
            if budget.comments < 1 or budget.bytes < #text then return nodes, false end
            budget.comments, budget.bytes = budget.comments - 1, budget.bytes - #text
            nodes[#nodes + 1] = {id = ids[i], text = text, replies = {},
                                 total = redis.call('ZCARD', comment_key(ids[i], ':replies'))}
        end
    end
    return nodes, true
end

-- Level by level, so that a budget that ends leaves out the deepest ones.
local function load_replies(level, budget)
    for _ = 1, NESTED_MAX do
        local below = {}
        for _, node in ipairs(level) do
            if node.total > 0 and budget.comments > 0 then
                node.replies = load(redis.call('ZRANGE', comment_key(node.id, ':replies'), 0,
                    REPLIES_SHOWN - 1), budget)
                for _, reply in ipairs(node.replies) do below[#below + 1] = reply end
            end
        end
        level = below
    end
end

local function flatten(nodes, level, out)
    for _, node in ipairs(nodes) do
        out[#out + 1], out[#out + 2], out[#out + 3] = level, node.total, node.text
        flatten(node.replies, level + 1, out)
    end
end

-- A page of a thread: article, comment whose replies are asked for or '' for the roots, 'newest' or
-- 'oldest', id to go on after or '', limit. Returns the article, the thread's fact, where to go on
-- ('' at the end), then for each comment in order of reading: level, number of replies, shown text.
-- An empty list if that comment is not there.
redis.register_function{function_name = '@{page}', flags = {'no-writes'}, callback = function(K, A)
    local article, parent, order, after, limit = unpack(A)
    if parent ~= '' then
        article = redis.call('HGET', comment_key(parent, ''), 'article')
        if not article then return {} end
    end
    local key = parent == '' and thread_key(article, ':roots') or comment_key(parent, ':replies')
    local from = after ~= '' and '(' .. after
    local ids
    if order == 'newest' then
        ids = redis.call('ZRANGE', key, from or '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, limit + 1)
    else
        ids = redis.call('ZRANGE', key, from or '-', '+', 'BYLEX', 'LIMIT', 0, limit + 1)
    end
    local more = #ids > tonumber(limit)
    if more then ids[#ids] = nil end
    local budget = {comments = ANSWER_COMMENTS, bytes = ANSWER_BYTES}
    local roots, whole = load(ids, budget)
    local last = (more or not whole) and #ids > 0 and (whole and ids[#ids] or roots[#roots].id) or ''
    local out = {article, redis.call('GET', 'fact:thread:' .. article) or '', last}
    load_replies(roots, budget)
    flatten(roots, 0, out)
    return out
end}

-- The newest comments of all: id to go on after or '', limit. Returns where to go on ('' at the end),
-- then for each: number of replies, shown text, the fact of its article.
redis.register_function{function_name = '@{recent}', flags = {'no-writes'}, callback = function(K, A)
    local ids = redis.call('ZRANGE', 'comments:recent', A[1] ~= '' and '(' .. A[1] or '+', '-', 'BYLEX',
        'REV', 'LIMIT', 0, A[2] + 1)
    local out = {''}
    if #ids > tonumber(A[2]) then
        ids[#ids] = nil
        out[1] = ids[#ids]
    end
    for _, node in ipairs((load(ids, {comments = ANSWER_COMMENTS, bytes = ANSWER_BYTES}))) do
        local article = string.match(node.text, '\n{"id":"%w+","article_id":"(%w+)"') or ''
        out[#out + 1], out[#out + 2], out[#out + 3] = node.total, node.text,
            redis.call('GET', 'fact:article:' .. article) or ''
    end
    return out
end}
