-- keep.lua - contributors and articles out of a store and into another one, and a look whether lists and
-- records agree; see common/keep.lua. What is shown and listed follows from the records and is made
-- anew. SPDX-License-Identifier: MIT

local STATUSES = {draft = true, scheduled = true, published = true, archived = true, deleted = true}
local REVISIONS_LOOKED_AT = 100
local ARTICLE_PARTS = {'record', 'body', 'tags', 'section'}
local CONTRIBUTOR_PARTS = {'record', 'public'}

local function contributor_parts(handle)
    return {names = CONTRIBUTOR_PARTS,
            record = keep_hash('record', contributor_key(handle, ''), {renaming = true}),
            public = keep_text('public', contributor_key(handle, ':public'))}
end

local function export_contributor(after)
    local handle = keep_next('contributors', after)
    if not handle then return nil end
    local parts = contributor_parts(handle)
    return handle, #parts.record > 2 and {'contributor', handle, parts.record, parts.public} or nil
end

-- The article with the next id, whatever its status.
local function next_article(after)
    local first
    for status in pairs(STATUSES) do
        local id = keep_next('articles:status:' .. status, after)
        if id and (not first or id < first) then first = id end
    end
    return first
end

-- How tags or a section are written, beside their folded forms.
local function written(name, folded, key)
    local names, part = {}, {name, 'hash'}
    for each in string.gmatch(folded or '', '[^\n]+') do names[#names + 1] = each end
    table.sort(names)
    for _, each in ipairs(names) do
        part[#part + 1] = each
        part[#part + 1] = redis.call('HGET', key, each) or each
    end
    return part
end

-- What is decided anew wherever it is: how often it was shown, and whether comments are open.
local function article_parts(id)
    local folded = redis.call('HMGET', article_key(id, ''), 'tags', 'section')
    return {names = ARTICLE_PARTS,
            record = keep_hash('record', article_key(id, ''), {rendering = true, open = true}),
            body = keep_text('body', article_key(id, ':body')), tags = written('tags', folded[1], 'tags:names'),
            section = written('section', folded[2], 'articles:sections:names')}
end

local function export_article(after)
    local id = next_article(after)
    if not id then return nil end
    local parts = article_parts(id)
    return id, parts.body and {'article', id, parts.record, parts.body, parts.tags, parts.section} or nil
end

-- The first revision behind a number that is kept.
local function next_revision_of(id, after)
    local last = tonumber(redis.call('HGET', article_key(id, ''), 'revision')) or 0
    for from = after + 1, last, REVISIONS_LOOKED_AT do
        local names = {}
        for n = from, math.min(last, from + REVISIONS_LOOKED_AT - 1) do names[#names + 1] = 'm' .. whole(n) end
        for i, meta in ipairs(redis.call('HMGET', article_key(id, ':revisions'), unpack(names))) do
            if meta then return whole(from + i - 1), meta end
        end
    end
end

-- Place: "ARTICLE REVISION".
local function export_revision(after)
    local id, n = string.match(after, '^(%w+) (%d+)$')
    local number, meta
    if id then number, meta = next_revision_of(id, tonumber(n)) end
    if number then
        local text = redis.call('HGET', article_key(id, ':revisions'), 'd' .. number)
        return id .. ' ' .. number, {'revision', id .. '.' .. number, {'meta', 'text', meta}, text and {'text', 'text', text}}
    end
    id = next_article(id or '')
    return id and id .. ' 0'
end

redis.register_function{function_name = '@{export}', flags = {'no-writes'}, callback = function(_, A)
    return keep_export(A, {export_contributor, export_article, export_revision})
end}

local function import_contributor(item)
    local handle = item.id
    if not item.part.record or not item.part.public then return 'refused' end
    if redis.call('EXISTS', contributor_key(handle, '')) == 1 then
        return keep_same(item, contributor_parts(handle))
    end
    redis.call('HSET', contributor_key(handle, ''), unpack(keep_values(item, 'record')))
    redis.call('SET', contributor_key(handle, ':public'), keep_values(item, 'public')[1])
    redis.call('ZADD', 'contributors', 0, handle)
    return 'added'
end

local function is_free(slug, id)
    local owner = redis.call('GET', 'article:slug:' .. slug)
    return not owner or owner == id
end

local function import_article(item)
    local call, id, fields = redis.call, item.id, keep_fields(item, 'record')
    if not STATUSES[fields.status] or not fields.slug or fields.schema ~= SCHEMA or not item.part.body then
        return 'refused'
    end
    if call('EXISTS', article_key(id, '')) == 1 then return keep_same(item, article_parts(id)) end
    if not is_free(fields.slug, id) then return 'conflict' end
    call('HSET', article_key(id, ''), 'rendering', '0', unpack(keep_values(item, 'record')))
    call('SET', article_key(id, ':body'), keep_values(item, 'body')[1])
    for tag, name in pairs(keep_fields(item, 'tags')) do call('HSETNX', 'tags:names', tag, name) end
    for section, name in pairs(keep_fields(item, 'section')) do
        call('HSETNX', 'articles:sections:names', section, name)
    end
    call('SET', 'article:slug:' .. fields.slug, id)
    for slug in string.gmatch(fields.slugs or '', '%S+') do call('SETNX', 'article:slug:' .. slug, id) end
    settle(id, nil, record(id), now_ms())
    return 'added'
end

-- Of an article that is there; a text that is not packed any more stays away.
local function import_revision(item)
    local id, n = string.match(item.id, '^(%w+)%.(%d+)$')
    local meta, text = keep_values(item, 'meta')[1], keep_values(item, 'text')[1]
    local last = id and tonumber(redis.call('HGET', article_key(id, ''), 'revision'))
    if not meta or not last then return 'refused' end
    local key = article_key(id, ':revisions')
    local there = redis.call('HMGET', key, 'm' .. n, 'd' .. n)
    if there[1] then return there[1] == meta and (there[2] or nil) == text and 'same' or 'conflict' end
    if tonumber(n) > last then return 'conflict' end
    redis.call('HSET', key, 'm' .. n, meta)
    if text then redis.call('HSET', key, 'd' .. n, text) end
    return 'added'
end

redis.register_function('@{import}', function(_, A)
    return keep_import(A, {contributor = import_contributor, article = import_article, revision = import_revision})
end)

-- -- are records and lists right? ------------------------------------------------------------------

local function expect_listed(v, id, r)
    for _, each in ipairs(lists_of(r)) do
        v.expect(redis.call('ZSCORE', each[1], r.when .. id), 'article ' .. id .. ' is not in ' .. each[1])
    end
end

local function verify_article(after, v)
    local call, id = redis.call, next_article(after)
    if not id then return nil end
    local r = record(id)
    v.expect(r, 'article ' .. id .. ' has no record')
    if not r then return id end
    local shown = is_public(r.status) and ':public' or ':draft'
    v.expect(call('EXISTS', article_key(id, ':body')) == 1, 'article ' .. id .. ' has no body')
    v.expect(call('EXISTS', article_key(id, shown)) == 1, 'article ' .. id .. ' is not shown')
    v.expect(call('GET', 'article:slug:' .. r.slug) == id, 'article ' .. id .. ' is not found by its slug')
    v.expect(call('ZSCORE', 'articles:status:' .. r.status, id), 'article ' .. id .. ' is in the wrong list')
    for slug in string.gmatch(r.slugs, '%S+') do
        v.expect(call('GET', 'article:slug:' .. slug) == id, 'article ' .. id .. ' is not found by a former slug')
    end
    v.expect(r.live == '' or call('HEXISTS', article_key(id, ':revisions'), 'd' .. r.live) == 1,
             'article ' .. id .. ' lacks the revision of its text')
    v.expect(r.status ~= 'scheduled' or call('ZSCORE', 'articles:due', id), 'article ' .. id .. ' would never appear')
    if r.status == 'published' then expect_listed(v, id, r) end
    return id
end

local function verify_contributor(after, v)
    local handle = keep_next('contributors', after)
    if not handle then return nil end
    v.expect(redis.call('EXISTS', contributor_key(handle, '')) == 1, 'contributor ' .. handle .. ' has no record')
    v.expect(redis.call('EXISTS', contributor_key(handle, ':public')) == 1, 'contributor ' .. handle .. ' is not shown')
    return handle
end

-- Members of a list that readers see: 13 digits and an id.
local function verify_list(after, v)
    local member = keep_next('articles:published', after)
    if not member then return nil end
    local status = redis.call('HGET', article_key(string.sub(member, 14), ''), 'status')
    v.expect(status == 'published', 'article ' .. string.sub(member, 14) .. ' is listed and not published')
    return member
end

-- Tags and sections: a set of names, how many articles each has, and lists of these.
local function verify_names(names, lists)
    return function(after, v)
        local name = keep_next(names, after)
        if not name then return nil end
        local count = tonumber(redis.call('HGET', names .. ':counts', name) or 0)
        v.expect(count == redis.call('ZCARD', lists .. name), 'the articles of ' .. lists .. name .. ' are not counted right')
        return name
    end
end

redis.register_function{function_name = '@{verify}', flags = {'no-writes'}, callback = function(_, A)
    return keep_verify(A, {'articles', 'contributors', 'published articles', 'tags', 'sections'},
        {verify_article, verify_contributor, verify_list, verify_names('tags', 'articles:tag:'),
         verify_names('articles:sections', 'articles:section:')})
end}
