-- articles.lua - what must be atomic about articles and contributors; articles_store.c lists the keys.
-- An article is shown from pieces of ready JSON that C rendered: head and tail around what is decided
-- here (slug, status, revision) and what may change elsewhere (the contributors' names). A shown text
-- is "REVISION RENDERING {json" without its closing brace. Bodies stand apart and are never touched.

local SCHEMA, STEP = '1', 64
local FIELDS = {'slug', 'status', 'when', 'when_text', 'head', 'tail', 'title', 'open', 'handles',
                'tags', 'revision', 'rendering'}

local function article_key(id, part) return 'article:{' .. id .. '}' .. part end
local function contributor_key(handle, part) return 'contributor:{' .. handle .. '}' .. part end

local function record(id)
    local values = redis.call('HMGET', article_key(id, ''), unpack(FIELDS))
    if not values[1] then return nil end
    local r = {}
    for i, name in ipairs(FIELDS) do r[name] = values[i] or '' end
    return r
end

local function is_public(status) return status == 'published' or status == 'archived' end

local function contributors(handles)
    local out = {}
    for handle in string.gmatch(handles, '%S+') do
        local name = redis.call('HGET', contributor_key(handle, ''), 'name')
        if name then
            out[#out + 1] = '{"handle":"' .. handle .. '","display_name":' .. name .. '}'
        end
    end
    return '[' .. table.concat(out, ',') .. ']'
end

local function time_or_null(yes, text) return yes and '"' .. text .. '"' or 'null' end

-- What a change of its status means to others.
local function kind_of(id, status)
    local was = string.match(redis.call('GET', 'fact:article:' .. id) or '', '^%d+ (%a+)') or ''
    if is_public(was) == is_public(status) then return 'article.updated' end
    return is_public(status) and 'article.published' or 'article.unpublished'
end

-- Writes what readers and other services get to know of it.
local function show(id, r)
    local public = is_public(r.status)
    local text = r.revision .. ' ' .. r.rendering .. ' {"id":"' .. id .. '","slug":"' .. r.slug ..
        '"' .. r.head .. ',"contributors":' .. contributors(r.handles) .. ',"status":"' .. r.status ..
        '","published_at":' .. time_or_null(public, r.when_text) .. ',"publish_at":' ..
        time_or_null(r.status == 'scheduled', r.when_text) .. r.tail .. ',"revision":' .. r.revision
    redis.call('SET', article_key(id, public and ':public' or ':draft'), text)
    redis.call('DEL', article_key(id, public and ':draft' or ':public'))
    tell(kind_of(id, r.status), 'fact:article:', id, r.revision,
        r.revision .. ' ' .. r.status .. ' ' .. r.open .. ' ' .. r.slug .. ' ' .. r.title, now_ms())
end

-- Puts a published one into the lists.
local function list(id, r)
    local member = r.when .. id
    redis.call('ZADD', 'articles:published', 0, member)
    for tag in string.gmatch(r.tags, '[^\n]+') do
        redis.call('ZADD', 'articles:tag:' .. tag, 0, member)
        if redis.call('HINCRBY', 'tags:counts', tag, 1) == 1 then redis.call('ZADD', 'tags', 0, tag) end
    end
    for handle in string.gmatch(r.handles, '%S+') do
        redis.call('ZADD', 'articles:by:' .. handle, 0, member)
    end
end

local function free_slug(slug, given, id)
    local function taken(s) return redis.call('EXISTS', 'article:slug:' .. s) == 1 end
    if not taken(slug) then return slug end
    if given then return nil end
    for n = 2, 50 do
        if not taken(slug .. '-' .. n) then return slug .. '-' .. n end
    end
    return slug .. '-' .. string.lower(string.sub(id, -10))
end

-- The position of the first handle that is nobody's, or nil.
local function missing(handles)
    local n = 0
    for handle in string.gmatch(handles, '%S+') do
        if redis.call('EXISTS', contributor_key(handle, '')) == 0 then return n end
        n = n + 1
    end
    return nil
end

local function save_new(id, r, body, markdown, actor)
    redis.call('HSET', article_key(id, ''), 'schema', SCHEMA, 'markdown', markdown, 'actor', actor,
        'slug', r.slug, 'status', r.status, 'when', r.when, 'when_text', r.when_text,
        'head', r.head, 'tail', r.tail, 'title', r.title, 'open', r.open, 'handles', r.handles,
        'tags', r.tags, 'revision', r.revision, 'rendering', r.rendering)
    redis.call('SET', article_key(id, ':body'), body)
    redis.call('SET', 'article:slug:' .. r.slug, id)
    for handle in string.gmatch(r.handles, '%S+') do
        redis.call('ZADD', contributor_key(handle, ':articles'), 0, id)
    end
end

-- After once(): id, slug, '1' if the slug was asked for, status, when (13 digits or ''), its text,
-- head, tail, title, open, handles, tags (folded), their shown forms, body, markdown, actor.
redis.register_function('@{create}', function(K, A)
    return once(K, A, function(now)
        local id, slug, given, status, when, when_text, head, tail, title, open, handles, tags, shown,
            body, markdown, actor = unpack(A, 3)
        local nobody = missing(handles)
        if nobody then return {'contributor', tostring(nobody)} end
        slug = free_slug(slug, given == '1', id)
        if not slug then return {'slug'} end
        local r = {slug = slug, status = status, when = when, when_text = when_text, head = head,
                   tail = tail, title = title, open = open, handles = handles, tags = tags,
                   revision = '1', rendering = '0'}
        save_new(id, r, body, markdown, actor)
        local names = string.gmatch(shown, '[^\n]+')
        for tag in string.gmatch(tags, '[^\n]+') do redis.call('HSET', 'tags:names', tag, names()) end
        show(id, r)
        if status == 'published' then list(id, r) end
        if status == 'scheduled' then redis.call('ZADD', 'articles:due', when, id) end
        return {'created', id}, true
    end)
end)

-- Shows the next STEP articles of a renamed contributor again. Returns 1 while there are more.
local function rename_step(handle)
    local key = contributor_key(handle, '')
    local last = redis.call('HGET', key, 'renaming') or ''
    local ids = redis.call('ZRANGE', contributor_key(handle, ':articles'),
        last == '' and '-' or '(' .. last, '+', 'BYLEX', 'LIMIT', 0, STEP)
    for _, id in ipairs(ids) do
        local r = record(id)
        if r then
            r.rendering = tostring(r.rendering + 1)
            redis.call('HSET', article_key(id, ''), 'rendering', r.rendering)
            show(id, r)
        end
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
-- its closing brace, bio as Markdown.
redis.register_function('@{contributor}', function(K, A)
    return once(K, A, function(now)
        local handle, match, name, json, markdown = unpack(A, 3)
        local key = contributor_key(handle, '')
        local old = redis.call('HMGET', key, 'revision', 'name')
        if old[1] and match == '' then return {'unmatched'} end
        if match ~= '' and not (old[1] and (match == '*' or match == old[1])) then return {'stale'} end
        local revision = tostring((old[1] or 0) + 1)
        redis.call('HSET', key, 'schema', SCHEMA, 'revision', revision, 'name', name,
            'bio_markdown', markdown)
        redis.call('SET', contributor_key(handle, ':public'),
            revision .. ' 0 ' .. json .. ',"revision":' .. revision)
        redis.call('ZADD', 'contributors', 0, handle)
        if not old[1] then return {'created'}, true end
        if old[2] == name then return {'updated'}, true end
        redis.call('HSET', key, 'renaming', '')
        redis.call('ZADD', 'contributors:renamed', 0, handle)
        return {'renamed'}, true
    end)
end)

-- Of the members of the first list after `from`, newest first, those that the second one has too.
-- Looks at no more than 1,000. Returns the last one looked at ('' at the end), then the members.
redis.register_function{function_name = '@{both}', flags = {'no-writes'}, callback = function(K, A)
    local limit, out, last = tonumber(A[2]), {''}, A[1]
    for _ = 1, 10 do
        local some = redis.call('ZRANGE', K[1], last == '' and '+' or '(' .. last, '-', 'BYLEX', 'REV',
            'LIMIT', 0, 100)
        local scores = #some > 0 and redis.call('ZMSCORE', K[2], unpack(some)) or {}
        for i, member in ipairs(some) do
            if scores[i] then out[#out + 1] = member end
            last = member
            if #out > limit + 1 then -- one more than asked for: the list goes on after the one before
                out[#out] = nil
                out[1] = out[#out]
                return out
            end
        end
        if #some < 100 then return out end
    end
    out[1] = last
    return out
end}

-- Due work, asked for by every instance all the time: articles whose hour has come, and shown texts
-- with a contributor's old name.
redis.register_function('@{tick}', function(K, A)
    local now = now_ms()
    local due = redis.call('ZRANGE', 'articles:due', '-inf', string.format('%.0f', now), 'BYSCORE',
        'LIMIT', 0, STEP)
    for _, id in ipairs(due) do
        local r = record(id)
        redis.call('ZREM', 'articles:due', id)
        if r and r.status == 'scheduled' then
            r.status, r.revision = 'published', tostring(r.revision + 1)
            redis.call('HSET', article_key(id, ''), 'status', r.status, 'revision', r.revision)
            show(id, r)
            list(id, r)
        end
    end
    local renamed = redis.call('ZRANGE', 'contributors:renamed', 0, 0)
    if renamed[1] then rename_step(renamed[1]) end
    return #due
end)
