import asyncio, random, time, statistics, sys
import pytest
from lorebase.core.ids import new_id
from lorebase.schemas.search import *
from tests.integration.sql.conftest import *
from tests.integration.sql.factories import *
from tests.integration.database import *
SIZES=[2000, 20000]
async def fill(units, tenant, passages, seed):
    rnd=random.Random(seed); vocab=20000
    weights=[1/(i+2) for i in range(vocab)]
    cum=[]; t=0
    for w in weights: t+=w; cum.append(t)
    docs=passages//10
    t0=time.perf_counter(); tw=0
    for d in range(docs):
        async with units.for_workspace(tenant.workspace_id) as uow:
            live=await add_live(uow, tenant, texts=["x"]*10)
            posts=[]
            for c in live.chunks:
                terms=set(rnd.choices(range(vocab), cum_weights=cum, k=120))
                posts+= [KeywordPosting(term=(x*2654435761)%2**32, chunk_id=c.id, weight=0.5+rnd.random()) for x in terms]
            a=time.perf_counter()
            await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, 1, posts)
            await uow.commit()
            tw+=time.perf_counter()-a
    return len(posts)/10, tw/passages*1e6
async def test_bench(units, database):
    from sqlalchemy import text
    for size in SIZES:
        tenant=await make_tenant(units, database)
        print("postings/passage %.0f write %.0f us/passage"% await fill(units, tenant, size, size))
        owner=await connect(database.owner); await owner.execute("VACUUM ANALYZE keyword_postings"); await owner.execute("VACUUM ANALYZE index_documents"); await owner.execute("VACUUM ANALYZE chunks")
        print("bytes/passage", await owner.fetchval("select pg_total_relation_size('keyword_postings')"), await owner.fetchval("select pg_relation_size('keyword_postings')"), await owner.fetchval("select pg_relation_size('pk_keyword_postings')"), await owner.fetchval("select pg_relation_size('ix_keyword_postings_document')"), await owner.fetchval("select count(*) from chunks"))
        rnd=random.Random(1)
        async with units.for_workspace(tenant.workspace_id) as uow:
            docids=[r[0] for r in await uow.database.rows(text("select id from documents limit 100"))]
        for docs in (None, tuple(docids)):
            ts=[];one=[]
            for i in range(200):
                terms=tuple((x*2654435761)%2**32 for x in [rnd.randrange(0,50), rnd.randrange(50,500), rnd.randrange(100,2000), rnd.randrange(500,5000), rnd.randrange(500,20000), rnd.randrange(2000,20000)])
                q=KeywordQuery(terms=terms, analyser_version=1, limit=100, knowledge_base_ids=(tenant.knowledge_base_id,), document_ids=docs)
                a=time.perf_counter()
                async with units.for_workspace(tenant.workspace_id) as uow:
                    b=time.perf_counter()
                    r=await uow.keywords.search(q, 5000)
                    one.append(time.perf_counter()-b)
                ts.append(time.perf_counter()-a)
            print(size, "docs" if docs else "all", "uow p50 %.2f ms search p50 %.2f p95 %.2f"%(statistics.median(ts)*1e3, statistics.median(one)*1e3, sorted(one)[190]*1e3), len(r))
        from lorebase.repositories.sql import keyword_index as k
        st,p=k._statement(q.model_copy(update={"document_ids":None}))
        async with units.for_workspace(tenant.workspace_id) as uow:
            rows=await uow.database.rows(text("EXPLAIN (ANALYZE) "+st.text), p)
            print("\n".join(r[0] for r in rows))
        await owner.close()
