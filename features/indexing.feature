Feature: Indexing
  A manual can be asked about once it is in the index, and not before. People see how far that is, and why it failed where
  it did; they see it of their own manuals only.

  Scenario: The job of an upload ends well, and the manual is ready from then on
    When Anna uploads the manual "router"
    Then the job of the manual "router" of Anna ends well
    When Anna looks at the jobs
    Then Anna sees one job for each of the manuals

  Scenario: Somebody who sent nothing has no jobs
    When Anna looks at the jobs
    Then Anna sees no job

  @alone @outages @exact
  Scenario: While the index is busy, a manual waits, and is not asked about
    Given the index is busy with other work
    When Anna uploads the manual "router"
    Then the job of the manual "router" of Anna is queued
    And the manual "router" of Anna is being worked on
    When Anna asks the question router-01
    Then the manuals of Anna do not say
    When all is well again for Anna
    Then the job of the manual "router" of Anna ends well
    And Anna is answered the question router-01 from the manual "router"

  @alone @outages
  Scenario: While the index does not say how far it is, a job runs, and ends when it does
    Given the index does not say how far it is
    When Anna uploads the manual "solar"
    Then the job of the manual "solar" of Anna is running
    And the manual "solar" of Anna is being worked on
    When all is well again for Anna
    Then the job of the manual "solar" of Anna ends well

  @alone @outages @stores
  Scenario: A manual that is deleted while it waits never comes into the index
    Given the index is busy with other work
    And Anna uploads the manual "router"
    And Anna uploads the manual "solar"
    When Anna deletes the manual "router"
    And all is well again for Anna
    Then the manual "solar" of Anna is whole
    And nothing is left of the manual "router" of Anna

  @exact
  Scenario: What the manuals did not say is answered as soon as one does
    When Anna asks the question router-01
    Then the manuals of Anna do not say
    Given Anna has the manual "router"
    Then Anna is answered the question router-01 from the manual "router"

  @stores
  Scenario: A manual without readable text fails with a reason, and can be deleted
    When Anna uploads "a scanned PDF"
    Then Anna is told that the manual is taken
    And the job of the manual "a scanned PDF" of Anna fails with a reason
    And the manual "a scanned PDF" of Anna is shown as failed
    When Anna asks "What load does the excavator lift?"
    Then the manuals of Anna do not say
    When Anna deletes the manual "a scanned PDF"
    Then nothing is left of the manual "a scanned PDF" of Anna

  @alone @outages
  Scenario: One manual that fails takes no other down with it
    Given the index is busy with other work
    And Anna uploads "a scanned PDF"
    And Anna uploads the manual "solar"
    And Bert uploads the manual "router"
    When all is well again for Anna
    Then the manual "a scanned PDF" of Anna is shown as failed
    And the manual "solar" of Anna becomes ready
    And the manual "router" of Bert becomes ready

  @stores
  Scenario: Many manuals at once are all indexed
    When Anna uploads 8 notes at once
    Then every manual of Anna becomes ready
    And Anna has exactly 8 manuals in store

  Scenario: Many people at once are all indexed, each with the own job
    When Anna uploads the manual "router"
    And Bert uploads the manual "router"
    And Cleo uploads "a scanned PDF"
    Then the job of the manual "router" of Anna ends well
    And the job of the manual "router" of Bert ends well
    And the job of the manual "a scanned PDF" of Cleo fails with a reason
    When Bert looks at the jobs
    Then Bert sees one job for each of the manuals

  Scenario: A manual of every kind is indexed
    When Anna uploads "a note in plain text"
    And Anna uploads "a note"
    And Anna uploads "a PDF of 3 pages"
    Then every manual of Anna becomes ready
    When Anna lists the manuals
    Then Anna sees these manuals:
      | name      | pages | status |
      | note.txt  | 1     | ready  |
      | note.md   | 1     | ready  |
      | three.pdf | 3     | ready  |

  @exact @alone @outages @server
  Scenario: What was answered from a manual is forgotten with it, though the index still has it
    Given Anna has the manual "router"
    Then Anna is answered the question router-04 from the manual "router"
    Given the index is busy with other work
    When Anna deletes the manual "router"
    And Anna asks the question router-04
    Then the answer to Anna does not cite the manual "router"
