"""The management API: everything that the pages do, for programs, under `/api/v1/manage/`."""
