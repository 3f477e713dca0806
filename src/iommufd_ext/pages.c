// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning of user memory.
 *
 * What is pinned is kept as runs of physically contiguous pages. They are
 * everything needed to map the memory into a page table and to unpin it again:
 * page frames are never read back from an IOMMU. A small mapping has its runs
 * inside the one object that it is, a larger one in chunks of up to a page.
 *
 * Pages are pinned in batches. A hugetlb mapping is pinned once per huge page: it
 * maps them whole, so the pages behind the first need not be looked up, and the
 * pin of the first holds them all. It takes the mapping to say so. A page of
 * hugetlb memory can also be mapped alone, by other means. Fast pins cannot be made
 * with mmap_lock held. So they are made first, and then, unless no mapping can have
 * changed meanwhile, the mapping is asked whether it has these huge pages there.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat/mm.h"
#include "memory.h"

/* Pages that are pinned in one call: a page of pointers. */
#define BATCH_PAGES ((unsigned long)(PAGE_SIZE / sizeof(struct page *)))

#define CHUNK_MAX_RUNS \
	((PAGE_SIZE - sizeof(struct pfn_run_chunk)) / sizeof(struct pfn_run))

/**
 * struct pinner - pinning under way
 * @pages: the memory
 * @file: the file it is in, or NULL
 * @mm: the address space it is in, unless the file will do
 * @uptr: address or file offset of the next page to pin
 * @mapped: what @uptr is more than the file offset, if the file is mapped for this
 * @left: pages still to pin
 * @charged: pages that are pinned and charged
 * @last: the run that grows, or NULL
 * @grows: the page frame that makes @last grow
 * @tail: the last chunk, or NULL
 * @batch: room for the pages of one call
 * @batch_size: entries of @batch
 */
struct pinner {
	struct pages *pages;
	struct file *file;
	struct mm_struct *mm;
	unsigned long uptr;
	unsigned long mapped;
	unsigned long left;
	unsigned long charged;
	struct pfn_run *last;
	unsigned long grows;
	struct pfn_run_chunk *tail;
	struct page **batch;
	unsigned long batch_size;
};

/*
 * How many runs to have room for in struct pages: as many as there can be, or 0 if they
 * go to chunks.
 */
unsigned int pages_max_runs(unsigned long npages)
{
	return npages <= SMALL_PAGES ? npages : 0;
}

/* The size of the last member of struct pages, in bytes. */
size_t pages_runs_size(unsigned int max_runs)
{
	/* The place of the first run also holds the pointer to the chunks. */
	return max(max_runs, 1U) * sizeof(struct pfn_run);
}

static noinline struct pfn_run *pinner_add_chunk(struct pinner *pinner)
{
	unsigned int max = min_t(unsigned long, pinner->left, CHUNK_MAX_RUNS);
	struct pfn_run_chunk *chunk;

	chunk = kmalloc(struct_size(chunk, runs, max), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return NULL;

	chunk->next = NULL;
	chunk->nr = 1;
	chunk->max = max;
	if (pinner->tail)
		pinner->tail->next = chunk;
	else
		pinner->pages->chunks = chunk;
	pinner->tail = chunk;
	return &chunk->runs[0];
}

static __always_inline struct pfn_run *pinner_new_run(struct pinner *pinner)
{
	struct pages *pages = pinner->pages;
	struct pfn_run_chunk *tail = pinner->tail;

	/* As many entries as pages: they cannot run out. */
	if (pages->max_runs)
		return &pages->runs[pages->nr_runs++];
	if (tail && tail->nr < tail->max)
		return &tail->runs[tail->nr++];
	return pinner_add_chunk(pinner);
}

/*
 * Takes over the pins of @npages pages, or of the folios they are in, on success.
 */
static __always_inline int pinner_add_run(struct pinner *pinner,
					  unsigned long pfn,
					  unsigned long npages, bool folios)
{
	struct pfn_run *last = pinner->last;

	if (last && pfn == pinner->grows && last->folios == folios &&
	    last->npages + npages <= PFN_RUN_MAX_PAGES) {
		last->npages += npages;
	} else {
		last = pinner_new_run(pinner);
		if (!last)
			return -ENOMEM;
		*last = (struct pfn_run){ .pfn = pfn,
					  .npages = npages,
					  .folios = folios };
		pinner->last = last;
	}
	pinner->grows = pfn + npages;
	return 0;
}

static void pinner_advance(struct pinner *pinner, unsigned long npages)
{
	pinner->uptr += npages << PAGE_SHIFT;
	pinner->left -= npages;
}

static int pinner_add_batch(struct pinner *pinner, unsigned long n)
{
	struct page **batch = pinner->batch;
	unsigned long pfn, i, start;
	int rc;

	for (start = 0; start < n; start = i) {
		pfn = page_to_pfn(batch[start]);
		for (i = start + 1; i < n; i++)
			if (page_to_pfn(batch[i]) != pfn + (i - start))
				break;
		rc = pinner_add_run(pinner, pfn, i - start, false);
		if (rc) {
			unpin_user_pages(batch + start, n - start);
			return rc;
		}
	}
	pinner_advance(pinner, n);
	return 0;
}

/* Takes over the pin of a folio, from @page on. */
static __always_inline int pinner_add_folio(struct pinner *pinner,
					    struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long npages =
		folio_nr_pages(folio) - (page_to_pfn(page) - folio_pfn(folio));
	int rc;

	npages = min(npages, pinner->left);
	rc = pinner_add_run(pinner, page_to_pfn(page), npages, true);
	if (rc)
		unpin_user_page(page);
	else
		pinner_advance(pinner, npages);
	return rc;
}

/* Pin with mmap_lock held; *@locked tells whether it was kept all the time. */
static long gup_locked(struct pinner *pinner, unsigned long n, int *locked)
{
	struct mm_struct *mm = pinner->mm;

	if (pinner->pages->writable)
		return ext_pin_user_pages_remote(mm, pinner->uptr, n,
						 FOLL_LONGTERM | FOLL_WRITE,
						 pinner->batch, locked);
	return ext_pin_user_pages_readonly(mm, pinner->uptr, n, pinner->batch,
					   locked);
}

/* For memory of another process, and where the fast way is not safe. */
static long gup_slow(struct pinner *pinner, unsigned long n)
{
	struct mm_struct *mm = pinner->mm;
	int locked = 1;
	long got;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	got = mmap_read_lock_killable(mm);
	if (got)
		goto out_put;
	got = gup_locked(pinner, n, &locked);
	if (locked)
		mmap_read_unlock(mm);
out_put:
	mmput(mm);
	return got;
}

static bool can_pin_fast(const struct pinner *pinner)
{
	return pinner->mm == current->mm &&
	       (pinner->pages->writable || EXT_PIN_FAST_READONLY);
}

static unsigned int write_flag(const struct pinner *pinner)
{
	return pinner->pages->writable ? FOLL_WRITE : 0;
}

static long gup(struct pinner *pinner, unsigned long n)
{
	if (can_pin_fast(pinner))
		return pin_user_pages_fast(pinner->uptr, n,
					   FOLL_LONGTERM | write_flag(pinner),
					   pinner->batch);
	return gup_slow(pinner, n);
}

/* Pins pages from pinner->uptr on, and takes them over. */
static int pin_batch(struct pinner *pinner)
{
	unsigned long n = min(pinner->left, pinner->batch_size);
	long got;

	got = gup(pinner, n);
	/* For one page that cannot be moved, none of the batch is pinned. Find it. */
	if (unlikely(got == -ENOMEM) && n > 1) {
		pinner->batch_size = 1;
		got = gup(pinner, 1);
	}
	if (got <= 0)
		return got ?: -EFAULT;
	return pinner_add_batch(pinner, got);
}

/*
 * Huge pages that are pinned in one go, at most. No more than the pages that are left
 * to pin, for which the batch has room, or BATCH_PAGES.
 */
#define BATCH_FOLIOS 64

/* Where the hugetlb mapping at pinner->uptr ends, or 0 if there is none. */
static unsigned long hugetlb_end(const struct pinner *pinner)
{
	struct vm_area_struct *vma = vma_lookup(pinner->mm, pinner->uptr);

	return vma && is_vm_hugetlb_page(vma) ? vma->vm_end : 0;
}

/* Pins a page of each huge page from pinner->uptr to @end. Returns how many. */
static unsigned int pin_folios_fast(struct pinner *pinner, unsigned long end)
{
	const unsigned int flags = FOLL_LONGTERM | write_flag(pinner);
	unsigned long addr = pinner->uptr;
	struct page **batch = pinner->batch;
	struct folio *folio;
	unsigned int n = 0;

	end = min(end, addr + PFN_PHYS(pinner->left));
	while (n < BATCH_FOLIOS && addr < end &&
	       pin_user_pages_fast(addr, 1, flags, &batch[n]) == 1) {
		folio = page_folio(batch[n++]);
		addr = round_down(addr, folio_size(folio)) + folio_size(folio);
	}
	return n;
}

/*
 * Is @page what the hugetlb mapping at @addr has there now? Then all of its folio is
 * mapped there, with the same access, even if the pin found the page in a mapping
 * that had this place before.
 */
static bool maps_folio(unsigned long addr, unsigned int flags,
		       struct page *page)
{
	struct page *now;

	if (!get_user_page_fast_only(addr, flags, &now))
		return false;
	put_page(now);
	return now == page;
}

/*
 * Takes over the pins of @n huge pages; with @check, as many as the mappings have now,
 * and mmap_lock is held. The others are dropped. Returns 1 if any was taken, 0, or an
 * error.
 */
static int take_folios(struct pinner *pinner, unsigned int n, bool check)
{
	const unsigned int flags = write_flag(pinner);
	struct page **batch = pinner->batch;
	unsigned long end = 0;
	unsigned int i = 0;
	int rc = 0;

	while (i < n && !rc) {
		if (check) {
			if (pinner->uptr >= end)
				end = hugetlb_end(pinner);
			if (!end || !maps_folio(pinner->uptr, flags, batch[i]))
				break;
		}
		/* Takes the pin, or drops it. */
		rc = pinner_add_folio(pinner, batch[i++]);
	}
	unpin_user_pages(batch + i, n - i);
	return rc ?: i > 0;
}

/*
 * Pins huge pages, if there are any at pinner->uptr. Returns 1 if it did, 0 if the
 * rest is for the other ways, or an error.
 */
static int pin_huge_fast(struct pinner *pinner)
{
	struct mm_struct *mm = pinner->mm;
	unsigned long start = jiffies;
	unsigned int seq, n;
	unsigned long end;
	bool can_tell;
	int rc;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	end = hugetlb_end(pinner);
	can_tell = ext_mmap_speculate_begin(mm, &seq);
	mmap_read_unlock(mm);
	if (!end)
		return 0;

	n = pin_folios_fast(pinner, end);
	if (!n)
		return 0;
	/* What is counted for this may wrap, but not within a second. */
	if (can_tell && time_before(jiffies, start + HZ) &&
	    !ext_mmap_speculate_retry(mm, seq))
		return take_folios(pinner, n, false);
	if (mmap_read_lock_killable(mm)) {
		unpin_user_pages(pinner->batch, n);
		return -EINTR;
	}
	rc = take_folios(pinner, n, true);
	mmap_read_unlock(mm);
	return rc;
}

/*
 * The same for memory of another process, and where the fast way is not safe: the VMA
 * is looked at first, and must not change before the pins.
 */
static int pin_huge_locked(struct pinner *pinner, int *locked)
{
	const unsigned long end = hugetlb_end(pinner);
	unsigned int i;
	long got;
	int rc;

	if (!end)
		return 0;
	for (i = 0; i < BATCH_FOLIOS; i++) {
		got = gup_locked(pinner, 1, locked);
		if (got <= 0)
			return got ?: -EFAULT;
		rc = *locked ? pinner_add_folio(pinner, pinner->batch[0]) :
			       pinner_add_batch(pinner, 1);
		if (rc)
			return rc;
		if (!*locked || !pinner->left || pinner->uptr >= end)
			break;
	}
	return 1;
}

static int pin_huge(struct pinner *pinner)
{
	struct mm_struct *mm = pinner->mm;
	int locked = 1;
	int rc;

	if (can_pin_fast(pinner))
		return pin_huge_fast(pinner);
	if (!mmget_not_zero(mm))
		return -EFAULT;
	rc = mmap_read_lock_killable(mm);
	if (rc)
		goto out_put;
	rc = pin_huge_locked(pinner, &locked);
	if (locked)
		mmap_read_unlock(mm);
out_put:
	mmput(mm);
	return rc;
}

/*
 * Charges what was pinned since the last time. The charge comes second: memory
 * that cannot be pinned is EFAULT, whatever the limit.
 */
static int pinner_charge(struct pinner *pinner, unsigned long npages)
{
	struct pages *pages = pinner->pages;
	int rc;

	rc = pages_owner_charge(pages->owner, pages->charge, npages);
	if (!rc)
		pinner->charged += npages;
	return rc;
}

/*
 * Memory of a file that is pinned in one call, at most, but for the rest of a huge page.
 * The kernel makes and clears what is not there yet, and looks at no signal meanwhile.
 */
#define FILE_BATCH_SIZE SZ_64M

/* Pins folios of a file from pinner->uptr on, and takes them over. */
static int pin_file_batch(struct pinner *pinner)
{
	unsigned long size = min_t(unsigned long, PFN_PHYS(pinner->left),
				   FILE_BATCH_SIZE);
	struct folio **folios = (struct folio **)pinner->batch;
	unsigned long offset = 0;
	long got, i;
	int rc;

	if (pinner->pages->writable) {
		rc = ext_memfd_begin_write(pinner->file);
		if (rc)
			return rc;
	}
	got = ext_memfd_pin_folios(pinner->file, pinner->uptr,
				   pinner->uptr + size - 1, folios,
				   pinner->batch_size, &offset);
	if (pinner->pages->writable)
		ext_memfd_end_write(pinner->file);
	if (got <= 0)
		return got ?: -EFAULT;
	for (i = 0; i < got; i++) {
		rc = pinner_add_folio(pinner,
				      folio_page(folios[i],
						 i ? 0 : offset >> PAGE_SHIFT));
		if (rc)
			goto err_unpin;
	}
	return 0;

err_unpin:
	/* The one that failed is unpinned already. */
	while (++i < got)
		unpin_user_page(&folios[i]->page);
	return rc;
}

/* Pins some of what is left. */
static int pinner_step(struct pinner *pinner, bool *try_huge)
{
	int rc;

	if (!pinner->mm)
		return pin_file_batch(pinner);

	rc = *try_huge ? pin_huge(pinner) : 0;
	if (rc)
		return min(rc, 0);
	rc = pin_batch(pinner);
	/* Where a batch ends in huge pages, more may follow. */
	*try_huge = !rc && pinner->left &&
		    PageHuge(pfn_to_page(pinner->last->pfn));
	return rc;
}

static int refuse_step(struct pinner *pinner, int rc)
{
	struct iommufd_ext_ctx *ictx = pinner->pages->owner->ictx;
	unsigned long offset = pinner->uptr - pinner->mapped;

	/* Not the memory's fault. */
	if (rc == -EINTR)
		return rc;
	if (!pinner->file)
		return refuse_pin(ictx, rc, pinner->mm, pinner->uptr,
				  pinner->pages->writable);
	/* The user knows offsets, and not where the file is mapped for this. */
	return refuse_pin_file(ictx, rc, pinner->file, offset,
			       offset + PFN_PHYS(pinner->left) - 1);
}

static int pinner_run(struct pinner *pinner)
{
	/* No huge page is smaller than a batch. */
	bool try_huge = pinner->left >= BATCH_PAGES;
	unsigned long before;
	int rc;

	while (pinner->left) {
		before = pinner->left;
		rc = pinner_step(pinner, &try_huge);
		if (rc)
			return refuse_step(pinner, rc);
		rc = pinner_charge(pinner, before - pinner->left);
		if (rc)
			return rc;
		if (!pinner->left)
			break;
		rc = resched_killable();
		if (rc)
			return rc;
	}
	return 0;
}

/*
 * Where a file cannot be pinned directly, it is mapped into the calling process for
 * as long as it takes to pin it from there.
 */
static int pinner_run_mapped(struct pinner *pinner)
{
	struct file *file = pinner->file;
	loff_t file_size = i_size_read(file_inode(file));
	unsigned long first, size, addr, align;
	int rc;

	if (!current->mm)
		return -EFAULT;
	/* The memory may end with the last offset there is. */
	if (pinner->uptr > file_size ||
	    PFN_PHYS(pinner->left) > file_size - pinner->uptr)
		return refuse_step(pinner, -EINVAL);

	align = ext_memfd_alignment(file);
	first = round_down(pinner->uptr, align);
	size = round_up(pinner->uptr + PFN_PHYS(pinner->left), align) - first;
	addr = vm_mmap(file, 0, size,
		       PROT_READ | (pinner->pages->writable ? PROT_WRITE : 0),
		       MAP_SHARED, first);
	/* mlockall() is for this mapping, too, and has an errno of its own. */
	if (addr == -EAGAIN)
		return refuse(pinner->pages->owner->ictx, -ENOMEM,
			      "the process has all that it maps locked, and %lu bytes of the file exceed its limit for that",
			      size);
	if (IS_ERR_VALUE(addr))
		return refuse_step(pinner, addr);
	pinner->mm = current->mm;
	pinner->mapped = addr - first;
	pinner->uptr += pinner->mapped;
	rc = pinner_run(pinner);
	vm_munmap(addr, size);
	return rc;
}

/* The folio of a run that is cut inside it must outlive either part. */
static void pin_cut_folio(unsigned long pfn)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));

	if (folio_pfn(folio) != pfn)
		ext_folio_add_pin(folio);
}

/*
 * What is unpinned before others may run, in pages or folios: enough not to be noticed
 * in what a huge page costs.
 */
#define UNPIN_BATCH 8192U

static void unpin_folio_run(const struct pfn_run *run, bool dirty)
{
	unsigned long left = run->npages;
	unsigned long pfn = run->pfn;
	unsigned int folios = 0;

	while (left) {
		struct page *page = pfn_to_page(pfn);
		struct folio *folio = page_folio(page);
		unsigned long n = min(left, folio_nr_pages(folio) -
						    (pfn - folio_pfn(folio)));

		unpin_user_pages_dirty_lock(&page, 1, dirty);
		pfn += n;
		left -= n;
		if (++folios % UNPIN_BATCH == 0)
			cond_resched();
	}
}

static void unpin_page_run(const struct pfn_run *run, bool dirty)
{
	unsigned long left = run->npages;
	unsigned long pfn = run->pfn;
	unsigned long n;

	for (; left > UNPIN_BATCH; pfn += n, left -= n) {
		/* A transparent huge page is let go of in one step. */
		n = UNPIN_BATCH - pfn % UNPIN_BATCH;
		unpin_user_page_range_dirty_lock(pfn_to_page(pfn), n, dirty);
		cond_resched();
	}
	unpin_user_page_range_dirty_lock(pfn_to_page(pfn), left, dirty);
}

static void unpin_run(const struct pfn_run *run, bool dirty)
{
	struct page *page = pfn_to_page(run->pfn);

	if (run->npages == 1)
		unpin_user_pages_dirty_lock(&page, 1, dirty);
	else if (run->folios)
		unpin_folio_run(run, dirty);
	else
		unpin_page_run(run, dirty);
}

/* Pages that lie alone are unpinned this many at a time. */
#define LONE_PAGES 32

static noinline_for_stack void unpin_runs(const struct pfn_run *run,
					  unsigned int nr, bool dirty)
{
	const struct pfn_run *end = run + nr;
	struct page *lone[LONE_PAGES];
	unsigned long pages = 0;
	unsigned int n;

	while (run < end) {
		for (n = 0; n < LONE_PAGES && run < end && run->npages == 1;
		     run++)
			lone[n++] = pfn_to_page(run->pfn);
		unpin_user_pages_dirty_lock(lone, n, dirty);
		for (; run < end && run->npages != 1; run++) {
			unpin_run(run, dirty);
			pages += run->npages;
			if (pages >= UNPIN_BATCH) {
				pages = 0;
				cond_resched();
			}
		}
	}
}

/* Unpin and forget all runs there are. */
static void pages_release_runs(struct pages *pages)
{
	struct pfn_run_chunk *chunk;

	if (pages->nr_runs == 1)
		unpin_run(&pages->runs[0], pages->writable);
	else
		unpin_runs(pages->runs, pages->nr_runs, pages->writable);
	pages->nr_runs = 0;
	if (pages->max_runs)
		return;

	while ((chunk = pages->chunks)) {
		unpin_runs(chunk->runs, chunk->nr, pages->writable);
		pages->chunks = chunk->next;
		kfree(chunk);
		cond_resched();
	}
}

/* A page of the calling process. What this cannot do is for the long way to say. */
static bool pin_one(struct pages *pages)
{
	unsigned int flags = FOLL_LONGTERM | FOLL_WRITE;
	struct page *page;

	if (pages->owner->mm != current->mm || !pages->writable ||
	    pin_user_pages_fast(pages->start & PAGE_MASK, 1, flags, &page) != 1)
		return false;
	if (pages_owner_charge(pages->owner, pages->charge, 1)) {
		unpin_user_page(page);
		return false;
	}
	pages->runs[0] = (struct pfn_run){ .pfn = page_to_pfn(page),
					   .npages = 1 };
	pages->nr_runs = 1;
	return true;
}

static int pin_many(struct pages *pages, unsigned long npages,
		    struct file *file)
{
	struct page *small_batch[SMALL_PAGES];
	struct pinner pinner = {
		.pages = pages,
		.file = file,
		.mm = file ? NULL : pages->owner->mm,
		.uptr = pages->start & PAGE_MASK,
		.left = npages,
		.batch = small_batch,
		.batch_size = SMALL_PAGES,
	};
	int rc;

	if (npages > SMALL_PAGES) {
		pinner.batch_size = min(npages, BATCH_PAGES);
		pinner.batch = kmalloc_array(pinner.batch_size,
					     sizeof(*pinner.batch),
					     GFP_KERNEL_ACCOUNT);
		if (!pinner.batch)
			return -ENOMEM;
	}

	if (file && !ext_can_pin_by_offset(file))
		rc = pinner_run_mapped(&pinner);
	else
		rc = pinner_run(&pinner);
	if (rc)
		pages_unpin(pages, pinner.charged);

	if (pinner.batch != small_batch)
		kfree(pinner.batch);
	return rc;
}

/*
 * Pins and charges memory of @npages pages. @file: the file it is in, or NULL for memory
 * of the owner.
 *
 * Context: may sleep, takes mmap_lock, may fault.
 * Returns -EFAULT for memory that is not there, is device memory, or whose process is
 * gone; -EOPNOTSUPP for a file in a DAX file system; -EINVAL for a file that is no
 * memfd, or is too short; -ENOMEM without memory, over RLIMIT_MEMLOCK, or if the memory
 * would have to be moved first and cannot; -EINTR if the process is being killed.
 */
int pages_pin(struct pages *pages, unsigned long npages, struct file *file)
{
	if (npages == 1 && !file && pages->max_runs && pin_one(pages))
		return 0;
	return pin_many(pages, npages, file);
}

/*
 * Undoes pages_pin(), when the memory is in no page table. @npages: what is charged for
 * it.
 * Context: may sleep. Neither allocates nor fails.
 */
void pages_unpin(struct pages *pages, unsigned long npages)
{
	pages_release_runs(pages);
	pages_owner_uncharge(pages->owner, pages->charge, npages);
}

/*
 * Forgets where memory is that a device may still reach, and leaves it pinned and
 * charged for good.
 * Context: may sleep. Neither allocates nor fails.
 */
void pages_forget(struct pages *pages)
{
	struct pfn_run_chunk *chunk;

	pages->nr_runs = 0;
	if (pages->max_runs)
		return;
	while ((chunk = pages->chunks)) {
		pages->chunks = chunk->next;
		kfree(chunk);
		cond_resched();
	}
}

/*
 * Cut the run behind its first @npages pages. The others, if there are any, become
 * *@rest. Returns how many runs there are of them.
 */
static unsigned int cut_run(struct pfn_run *run, unsigned long npages,
			    struct pfn_run *rest)
{
	if (run->npages == npages)
		return 0;
	if (run->folios)
		pin_cut_folio(run->pfn + npages);
	*rest = *run;
	rest->pfn += npages;
	rest->npages -= npages;
	run->npages = npages;
	return 1;
}

static unsigned int cut_runs(struct pfn_run *runs, unsigned int nr,
			     unsigned int idx, unsigned long npages,
			     struct pfn_run *rest)
{
	unsigned int cut = cut_run(&runs[idx], npages, rest);

	memcpy(rest + cut, &runs[idx + 1],
	       (nr - idx - 1) * sizeof(struct pfn_run));
	return cut + nr - idx - 1;
}

/*
 * The run that has the page behind the first @npages - 1; on return that many pages
 * of it are among the first @npages.
 */
static unsigned int find_last_run(const struct pfn_run *runs, unsigned int nr,
				  unsigned long *npages)
{
	unsigned int i;

	for (i = 0; i < nr && runs[i].npages < *npages; i++)
		*npages -= runs[i].npages;
	return i;
}

static int split_chunks(struct pages *pages, unsigned long npages,
			struct pages *rest)
{
	struct pfn_run_chunk *chunk = pages->chunks;
	struct pfn_run_chunk *tail;
	unsigned int idx, max;

	while ((idx = find_last_run(chunk->runs, chunk->nr, &npages)) ==
	       chunk->nr) {
		chunk = chunk->next;
		cond_resched();
	}

	max = chunk->nr - idx - (chunk->runs[idx].npages == npages);
	if (!max) {
		rest->chunks = chunk->next;
		chunk->next = NULL;
		return 0;
	}
	tail = kmalloc(struct_size(tail, runs, max), GFP_KERNEL_ACCOUNT);
	if (!tail)
		return -ENOMEM;
	tail->nr = cut_runs(chunk->runs, chunk->nr, idx, npages, tail->runs);
	tail->max = max;
	tail->next = chunk->next;
	chunk->nr = idx + 1;
	chunk->next = NULL;
	rest->chunks = tail;
	return 0;
}

/*
 * Divides pinned memory: @npages pages of it stay, neither none nor all, and @rest gets
 * the runs of the rest. It has as much room for runs of its own as it has pages, if
 * @pages has any.
 *
 * Either can be unpinned without the other afterwards. On -ENOMEM nothing has changed.
 */
int pages_split(struct pages *pages, unsigned long npages, struct pages *rest)
{
	unsigned int idx;

	if (!pages->max_runs)
		return split_chunks(pages, npages, rest);

	idx = find_last_run(pages->runs, pages->nr_runs, &npages);
	rest->nr_runs =
		cut_runs(pages->runs, pages->nr_runs, idx, npages, rest->runs);
	pages->nr_runs = idx + 1;
	return 0;
}

static void rw_page(unsigned long pfn, size_t offset, void *data, size_t size,
		    bool write)
{
	struct page *page = pfn_to_page(pfn);

	if (write) {
		memcpy_to_page(page, offset, data, size);
		set_page_dirty_lock(page);
	} else {
		memcpy_from_page(data, page, offset, size);
	}
}

/*
 * Reads or, with @write, writes pinned memory from @skip on, in bytes behind the
 * beginning of its first page. The memory has @size bytes there.
 * Context: may sleep.
 */
void pages_rw(const struct pages *pages, size_t skip, void *data, size_t size,
	      bool write)
{
	struct pfn_run_iter iter;
	const struct pfn_run *run;

	pfn_run_iter_init(&iter, pages);
	run = pfn_run_next(&iter);
	while (size) {
		size_t n = min(size, PAGE_SIZE - offset_in_page(skip));

		cond_resched();
		if (skip >= PFN_PHYS(run->npages)) {
			skip -= PFN_PHYS(run->npages);
			run = pfn_run_next(&iter);
			continue;
		}
		rw_page(run->pfn + PHYS_PFN(skip), offset_in_page(skip), data,
			n, write);
		data += n;
		skip += n;
		size -= n;
	}
}

/*
 * The same for memory that is not pinned, and stays so. @file: the file it is in, or
 * NULL for memory of the owner.
 * Context: may sleep, takes mmap_lock, may fault.
 * Returns 0 or the error of pages_pin(). On failure part of it may be done.
 */
int pages_rw_unpinned(const struct pages *pages, struct file *file, size_t skip,
		      void *data, size_t size, bool write)
{
	struct pages *part;
	int rc = 0;

	part = kmalloc(offsetof(struct pages, runs) +
			       pages_runs_size(SMALL_PAGES),
		       GFP_KERNEL_ACCOUNT);
	if (!part)
		return -ENOMEM;
	*part = *pages;
	part->writable = write;
	part->charge = CHARGE_NONE;
	part->nr_runs = 0;
	part->max_runs = SMALL_PAGES;

	while (size) {
		size_t n =
			min(size, PFN_PHYS(SMALL_PAGES) - offset_in_page(skip));
		unsigned long npages =
			PHYS_PFN(PAGE_ALIGN(offset_in_page(skip) + n));

		part->start = (pages->start & PAGE_MASK) + (skip & PAGE_MASK);
		rc = pages_pin(part, npages, file);
		if (rc)
			break;
		pages_rw(part, offset_in_page(skip), data, n, write);
		pages_unpin(part, npages);
		skip += n;
		data += n;
		size -= n;
		if (!size)
			break;
		rc = resched_killable();
		if (rc)
			break;
	}
	kfree(part);
	return rc;
}
