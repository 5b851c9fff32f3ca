"""Questions to what is stored: where does this come from, what did that touch, can it be made again?"""
